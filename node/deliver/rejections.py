"""Which destinations may hold objects of a result, and that its rejection is there before its successor."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.deliver.policy import Meaning, meaning_of
from node.deliver.tables import DeliveryRow, Purpose
from node.errors import Transient
from node.runs.tables import RunRow
from node.states import DeliveryState

_BROKEN_OFF = frozenset({"peer-aborted", "peer-stalled"})
"""Ends of an attempt after which the peer may have stored an object whose status never came."""

_UNSENT = (DeliveryState.PENDING, DeliveryState.SENDING)


def may_hold_objects(delivery: DeliveryRow) -> bool:
    """Return whether the destination has an object of this delivery, or may have: one is on its way at this moment."""
    stored = any(item.status is not None and meaning_of(item.status) is Meaning.STORED for item in delivery.items)
    return stored or delivery.state == DeliveryState.SENDING or delivery.reason_code in _BROKEN_OFF


def check_rejection_sent(session: Session, run: RunRow, destination: str) -> None:
    """Check that no note that rejects an earlier result of the run's study waits for the same destination.

    A note that was given up holds up nothing: few planning systems take Key Objects, and the failed delivery is named.

    Raises
    ------
    Transient
        ``rejection-first``.
    """
    waiting = session.scalars(
        select(DeliveryRow.run_id)
        .join(RunRow, RunRow.run_id == DeliveryRow.run_id)
        .where(
            RunRow.study_uid == run.study_uid,
            DeliveryRow.destination == destination,
            DeliveryRow.purpose == Purpose.REJECTION,
            DeliveryRow.state.in_(_UNSENT),
        )
        .limit(1)
    ).first()
    if waiting is not None:
        raise Transient("rejection-first", run=waiting, destination=destination)
