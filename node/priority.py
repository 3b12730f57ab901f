"""How urgent a study's run is, and when it is due."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class Priority(StrEnum):
    """Classes of urgency, the most urgent first."""

    STAT = "STAT"
    """At once."""
    URGENT = "URGENT"
    """Within the hour."""
    ROUTINE = "ROUTINE"
    """Within four hours."""


_ALLOWANCE_S = {Priority.STAT: 0, Priority.URGENT: 3600, Priority.ROUTINE: 4 * 3600}


def due_second(settled_at: datetime, priority: Priority) -> int:
    """Return the job engine's priority number: the second (Unix time) at which the job is due.

    Strict classes would let the last one starve; a due time lets older work rise.
    """
    return int(settled_at.timestamp()) + _ALLOWANCE_S[priority]
