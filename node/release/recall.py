"""The recall service: a named person takes back what was released for a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.archive.files import ArchiveFiles
from node.archive.tables import StudyRow
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.audit.trail import Recording
from node.clock import Clock
from node.database import Database, change_state
from node.errors import Refusal, Transient
from node.jobs.queue import JobQueue
from node.release.notes import Note, NoteWriter
from node.release.withdrawal import RELEASED, Withdrawal, Withdrawn, was_sent, withdraw
from node.runs.events import run_superseded
from node.runs.tables import RunRow
from node.states import RunState
from pipelines.contract import Reason

_UNRELEASED = frozenset({RunState.QUEUED, RunState.WAITING, RunState.RUNNING, RunState.HELD})

_TRIES = 5
"""A sender may change a delivery at the same moment, again and again until its attempt has ended."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a recall did.

    Attributes
    ----------
    study_uid, recalled_by
        The study, and the person.
    withdrawn
        Results that had been released, each with who gets the rejection note.
    superseded
        Runs that were held, or not computed yet: they never leave.
    """

    study_uid: str
    recalled_by: str
    withdrawn: tuple[Withdrawn, ...]
    superseded: tuple[str, ...]


class RecallService:
    """Takes results back.

    Parameters
    ----------
    database, trail, files, queue, clock
        The node's parts.
    notes
        Writes the rejection notes.
    """

    def __init__(
        self,
        database: Database,
        trail: AuditTrail,
        files: ArchiveFiles,
        queue: JobQueue,
        clock: Clock,
        notes: NoteWriter,
    ) -> None:
        self._database = database
        self._trail = trail
        self._files = files
        self._queue = queue
        self._clock = clock
        self._notes = notes

    def recall(
        self, study_uid: str, by: Actor, reason: str, *, for_safety: bool = False, run_id: str | None = None
    ) -> Recalled:
        """Take back what was computed for a study.

        A rejection note goes to exactly those destinations that have objects of a result, or may have; deliveries that
        have not ended are cancelled; what is held, queued or running never leaves.

        Parameters
        ----------
        study_uid
            The study.
        by, reason
            The person who recalls, and why; the reason stands in the note.
        for_safety
            Whether the patient's safety is the reason, else the quality of the objects.
        run_id
            Recall this run of the study alone.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``recall-needs-reason``, ``recall-nothing``, ``run-unknown`` or
            ``run-of-other-study``. It is audited as well.
        Permanent
            ``recall-unreadable``.
        Transient
            ``state-changed``: a delivery changed again and again at the same moment.
        """
        try:
            check(by, Permission.RECALL)
            if not reason.strip():
                raise Refusal("recall-needs-reason")
            return self._recall(study_uid, by, reason, for_safety, run_id)
        except Refusal as refusal:
            self._record_refusal(study_uid, by, refusal.reason)
            raise

    def _recall(self, study_uid: str, by: Actor, reason: str, for_safety: bool, run_id: str | None) -> Recalled:
        at = self._clock.now()
        with self._database.read() as session:
            runs = _concerned(session, study_uid, run_id)
            sent = [run for run in runs if _is_withdrawn(session, run)]
            notes = {run.run_id: self._notes.write(run, reason, at, for_safety=for_safety) for run in sent}
        why = Withdrawal(by, reason, for_safety, at)
        for remaining in reversed(range(_TRIES)):
            try:
                with self._trail.recording() as recording:
                    return self._take_back(recording, study_uid, run_id, notes, why)
            except Transient:
                if not remaining:
                    raise
        raise AssertionError("the last try returns or raises")

    def _take_back(
        self, recording: Recording, study_uid: str, run_id: str | None, notes: Mapping[str, Note], why: Withdrawal
    ) -> Recalled:
        session = recording.session
        withdrawn, superseded = [], []
        for run in _concerned(session, study_uid, run_id):
            if _is_withdrawn(session, run):
                if run.run_id not in notes:  # released since its note would have been written
                    raise Transient("state-changed", thing="run", seen=RunState.HELD.value, new=RunState.RECALLED.value)
                withdrawn.append(withdraw(recording, self._queue, self._files, run, notes[run.run_id], why))
            elif run.state in _UNRELEASED:
                change_state(session, run, RunState.SUPERSEDED)
                run.reason_code = "study-recalled"
                run.reason_parameters = {"by": why.by.name, "reason": why.reason}
                run.finished_at = why.at
                recording.record(run_superseded(run, why.by, ""))
                superseded.append(run.run_id)
        if not withdrawn and not superseded:
            raise Refusal("recall-nothing", study=study_uid)
        return Recalled(study_uid, why.by.name, tuple(withdrawn), tuple(superseded))

    def _record_refusal(self, study_uid: str, by: Actor, reason: Reason) -> None:
        with self._trail.recording() as recording:
            study = recording.session.get(StudyRow, study_uid)
            if study is None:
                return
            recording.record(
                AuditEvent(
                    code=AuditCode.RECALL_REFUSED,
                    actor=by,
                    outcome="failure",
                    study_uid=study_uid,
                    correlation=study.correlation_id,
                    details={"reason": reason.code},
                )
            )


def _concerned(session: Session, study_uid: str, run_id: str | None) -> list[RunRow]:
    """Return the runs of a study, the first that was queued first, or the one that is named."""
    if run_id is not None:
        run = session.get(RunRow, run_id)
        if run is None:
            raise Refusal("run-unknown", run=run_id)
        if run.study_uid != study_uid:
            raise Refusal("run-of-other-study", run=run_id, study=study_uid, found=run.study_uid)
        return [run]
    of_study = select(RunRow).where(RunRow.study_uid == study_uid)
    return list(session.scalars(of_study.order_by(RunRow.queued_at, RunRow.run_id)))


def _is_withdrawn(session: Session, run: RunRow) -> bool:
    """Return whether a recall takes it back: it is released, or some of it was sent before it was superseded."""
    return run.state in RELEASED or (run.state == RunState.SUPERSEDED and was_sent(session, run))
