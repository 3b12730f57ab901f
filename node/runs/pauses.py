"""The service of pauses: a named person stops runs from starting, of the node or of one pipeline, and lets them again.

What runs already goes on to its end. A run whose turn comes meanwhile waits, and is queued again afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.access import Permission, check
from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.audit.events import Outcome
from node.clock import Clock
from node.errors import Permanent, Refusal
from node.runs.tables import EVERY_PIPELINE, PauseRow, RunRow
from node.states import RunState


class PauseService:
    """Pauses and resumes the start of runs.

    Parameters
    ----------
    trail, clock
        The node's parts.
    pipelines
        Names of the installed pipelines.
    """

    def __init__(self, trail: AuditTrail, clock: Clock, pipelines: Collection[str]) -> None:
        self._trail = trail
        self._clock = clock
        self._pipelines = pipelines

    def pause(self, by: Actor, reason: str, pipeline: str = EVERY_PIPELINE) -> None:
        """Let no run start any more, of `pipeline` or of all; kept in the database until a person resumes.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``pause-needs-reason``, ``pause-pipeline-unknown``, ``paused-already``. A
            refusal is audited as well.
        """
        with self._audited_refusal(AuditCode.NODE_PAUSED, by, pipeline):
            check(by, Permission.PAUSE_NODE)
            if not reason.strip():
                raise Refusal("pause-needs-reason")
            if pipeline != EVERY_PIPELINE and pipeline not in self._pipelines:
                known = ", ".join(sorted(self._pipelines))
                raise Refusal("pause-pipeline-unknown", pipeline=pipeline, known=known)
            with self._trail.recording() as recording:
                earlier = recording.session.get(PauseRow, pipeline)
                if earlier is not None:
                    raise Refusal("paused-already", what=_named(pipeline), by=earlier.by, reason=earlier.reason)
                row = PauseRow(pipeline=pipeline, by=by.name, reason=reason, since=self._clock.now())
                recording.session.add(row)
                recording.record(_event(AuditCode.NODE_PAUSED, by, pipeline, reason=reason))

    def resume(self, by: Actor, pipeline: str = EVERY_PIPELINE) -> None:
        """End the pause of `pipeline`, or the node's own: pipelines that were paused by name stay so.

        Raises
        ------
        Refusal
            Those of `node.access.check`, or ``not-paused``. A refusal is audited as well.
        """
        with self._audited_refusal(AuditCode.NODE_RESUMED, by, pipeline):
            check(by, Permission.PAUSE_NODE)
            with self._trail.recording() as recording:
                row = recording.session.get(PauseRow, pipeline)
                if row is None:
                    raise Refusal("not-paused", what=_named(pipeline))
                recording.session.delete(row)
                recording.record(_event(AuditCode.NODE_RESUMED, by, pipeline, paused_by=row.by))

    @contextmanager
    def _audited_refusal(self, code: AuditCode, by: Actor, pipeline: str) -> Iterator[None]:
        try:
            yield
        except Permanent as refusal:
            with self._trail.recording() as recording:
                recording.record(_event(code, by, pipeline, "failure", reason=refusal.reason.code))
            raise


def pauses(session: Session) -> Sequence[PauseRow]:
    """Return the pauses in force, the node's own first."""
    return session.scalars(select(PauseRow).order_by(PauseRow.pipeline)).all()


def running(session: Session, pipeline: str = EVERY_PIPELINE) -> int:
    """Return how many runs, of `pipeline` or of all, have started and not ended."""
    question = select(func.count()).select_from(RunRow).where(RunRow.state == RunState.RUNNING)
    if pipeline != EVERY_PIPELINE:
        question = question.where(RunRow.pipeline == pipeline)
    return session.scalar(question) or 0


def _named(pipeline: str) -> str:
    return pipeline or "the node"


def _event(code: AuditCode, by: Actor, pipeline: str, outcome: Outcome = "success", **details: str) -> AuditEvent:
    return AuditEvent(code, by, outcome, details={"pipeline": pipeline or "(all)", **details})
