"""The states of studies, runs and deliveries, and which may follow which. There is no other such table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from node.errors import Refusal


class StudyState(StrEnum):
    """Where a received study stands."""

    RECEIVING = "receiving"
    """Instances come in, or came in a moment ago."""
    ROUTED = "routed"
    """It settled, and at least one rule took it."""
    UNROUTED = "unrouted"
    """It settled, and no rule took it; the decision says why."""
    REBUILT = "rebuilt"
    """The catalogue was rebuilt from the files: nothing runs by itself for it."""


class RunState(StrEnum):
    """Where one computation for a study stands."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    """Kept, and waiting for a named person."""
    REFUSED = "refused"
    """A check rejected the input or the result in a way that nobody may override."""
    REJECTED = "rejected"
    """A named person rejected the result."""
    RELEASED = "released"
    """A named person released it; deliveries are under way."""
    DELIVERED = "delivered"
    """Every destination said that it has every object."""
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A later revision of the study's inputs replaced it before it was sent."""


class DeliveryState(StrEnum):
    """Where the sending of one run's objects to one destination stands."""

    PENDING = "pending"
    """Waiting for its first or next attempt."""
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up with a reason; the dead letter."""


S = TypeVar("S", StudyState, RunState, DeliveryState)
State = StudyState | RunState | DeliveryState

TRANSITIONS: Mapping[State, frozenset[State]] = {
    StudyState.RECEIVING: frozenset({StudyState.ROUTED, StudyState.UNROUTED}),
    StudyState.ROUTED: frozenset({StudyState.RECEIVING}),
    StudyState.UNROUTED: frozenset({StudyState.RECEIVING}),
    StudyState.REBUILT: frozenset({StudyState.RECEIVING}),
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FAILED, RunState.SUPERSEDED}),
    # A worker that died while it ran leaves the run in RUNNING; the next attempt enters it again.
    RunState.RUNNING: frozenset(
        {RunState.RUNNING, RunState.HELD, RunState.REFUSED, RunState.FAILED, RunState.SUPERSEDED}
    ),
    RunState.HELD: frozenset({RunState.RELEASED, RunState.REJECTED, RunState.SUPERSEDED}),
    RunState.RELEASED: frozenset({RunState.DELIVERED, RunState.FAILED}),
    RunState.DELIVERED: frozenset(),
    RunState.REFUSED: frozenset(),
    RunState.REJECTED: frozenset(),
    RunState.FAILED: frozenset(),
    RunState.SUPERSEDED: frozenset(),
    # Of two attempts that met after a crash one may wait already when the other has sent everything.
    DeliveryState.PENDING: frozenset({DeliveryState.SENDING, DeliveryState.DELIVERED, DeliveryState.FAILED}),
    # A sender that died leaves SENDING; the next attempt enters it again.
    DeliveryState.SENDING: frozenset(
        {DeliveryState.SENDING, DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.FAILED}
    ),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.FAILED: frozenset(),
}


def advance(current: S, new: S) -> S:
    """Return `new` if it may follow `current`.

    Raises
    ------
    Refusal
        ``state-transition`` otherwise.
    """
    if new not in TRANSITIONS[current]:
        raise Refusal(
            "state-transition",
            thing=type(current).__name__.removesuffix("State").lower(),
            current=current.value,
            new=new.value,
        )
    return new
