"""Take a released result back: nothing more of it is sent, and who may have it gets the note that rejects it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.catalogue import register_own
from node.archive.files import ArchiveFiles
from node.audit import AuditCode, AuditEvent
from node.audit.trail import Recording
from node.database import change_state
from node.deliver.orders import order_rejection
from node.deliver.rejections import may_hold_objects
from node.deliver.tables import DeliveryRow, Purpose
from node.jobs.queue import JobQueue
from node.release.notes import Note
from node.release.tables import RecallRow
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState

RELEASED = (RunState.RELEASED, RunState.DELIVERED, RunState.UNDELIVERED)
"""States of a result that a person released, and that is not taken back."""

_CANCELLABLE = frozenset({DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED})


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why a result is taken back.

    Attributes
    ----------
    by, reason
        The person, and why.
    for_safety
        Whether the patient's safety is the reason, else the quality of the objects.
    replaced_by
        The run that is released in its place; empty when none is.
    at
        When.
    """

    by: Actor
    reason: str
    for_safety: bool
    at: datetime
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What became of a result that was taken back.

    Attributes
    ----------
    run_id
        The run.
    notified
        Destinations that may have got objects of it, and get the rejection note.
    cancelled
        Destinations that get nothing more of it.
    """

    run_id: str
    notified: tuple[str, ...]
    cancelled: tuple[str, ...]


def result_deliveries(session: Session, run_id: str) -> Sequence[DeliveryRow]:
    """Return the deliveries of a run's objects, by destination."""
    of_run = select(DeliveryRow).where(DeliveryRow.run_id == run_id, DeliveryRow.purpose == Purpose.RESULT)
    return session.scalars(of_run.order_by(DeliveryRow.destination)).all()


def was_sent(session: Session, run: RunRow) -> bool:
    """Return whether some destination may hold an object of the run, and none was told that it is rejected."""
    if run.state == RunState.RECALLED:
        return False
    return any(may_hold_objects(delivery) for delivery in result_deliveries(session, run.run_id))


def withdraw(
    recording: Recording, queue: JobQueue, files: ArchiveFiles, run: RunRow, note: Note, why: Withdrawal
) -> Withdrawn:
    """Take a result back within the recording's transaction.

    Parameters
    ----------
    run
        Released before; or superseded, after some of it was sent.
    note
        The note that rejects it.

    Raises
    ------
    Refusal
        ``state-transition``.
    Transient
        ``state-changed`` when a sender changed a delivery at the same moment.
    """
    session = recording.session
    change_state(session, run, RunState.RECALLED)
    if why.replaced_by:
        run.reason_code, run.reason_parameters = "run-replaced", {"by": why.replaced_by}
    else:
        run.reason_code, run.reason_parameters = "run-recalled", {"by": why.by.name, "reason": why.reason}
    run.finished_at = why.at
    register_own(session, files, [note.arrival], run.correlation_id)
    notified, cancelled = [], []
    for delivery in result_deliveries(session, run.run_id):
        if may_hold_objects(delivery):
            order_rejection(session, queue, delivery, note, why.at)
            notified.append(delivery.destination)
        if delivery.state in _CANCELLABLE:
            change_state(session, delivery, DeliveryState.CANCELLED)
            delivery.reason_code, delivery.reason_parameters = run.reason_code, dict(run.reason_parameters)
            delivery.finished_at = why.at
            cancelled.append(delivery.destination)
    session.add(
        RecallRow(
            run_id=run.run_id,
            recalled_at=why.at,
            recalled_by=why.by.name,
            reason=why.reason,
            for_safety=why.for_safety,
            replaced_by=why.replaced_by or None,
            sop_instance_uid=note.sop_instance_uid,
        )
    )
    recording.record(
        AuditEvent(
            code=AuditCode.RUN_RECALLED,
            actor=why.by,
            study_uid=run.study_uid,
            correlation=run.correlation_id,
            details={
                "run": run.run_id,
                "reason": why.reason,
                "safety": int(why.for_safety),
                "replaced_by": why.replaced_by,
                "note": note.sop_instance_uid,
                "notified": notified,
                "cancelled": cancelled,
            },
        )
    )
    return Withdrawn(run.run_id, tuple(notified), tuple(cancelled))
