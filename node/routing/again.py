"""The service that has a study decided again: by a person, and at the start what failed by a fault of ours."""

from __future__ import annotations

from sqlalchemy import select

from node.access import Permission
from node.actor import Actor
from node.archive.revisions import reopen
from node.archive.tables import StudyRow
from node.audit import AuditTrail
from node.clock import Clock
from node.database import change_state
from node.errors import Refusal
from node.routing.events import ROUTING_FAILED, routing_repeated
from node.states import StudyState


class RoutingService:
    """Has studies decided again.

    Parameters
    ----------
    trail, clock
        The node's parts.
    """

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def route_again(self, study_uid: str, by: Actor, reason: str) -> int:
        """Have the rules in force decide a study anew, as its next revision, and return that revision's number.

        What the same computation made before stands for it; what the rules do not order any more is superseded.

        Raises
        ------
        Refusal
            Those of `node.access.check`; ``routing-needs-reason``; ``study-unknown``; ``study-waits-already`` when it
            has not been decided yet.
        """
        self._trail.check_access(by, Permission.ROUTE_AGAIN)
        if not reason.strip():
            raise Refusal("routing-needs-reason")
        with self._trail.recording() as recording:
            study = recording.session.get(StudyRow, study_uid)
            if study is None or study.last_instance_at is None:
                raise Refusal("study-unknown", study=study_uid)
            if study.state == StudyState.RECEIVING:
                raise Refusal("study-waits-already", study=study_uid)
            reopen(recording.session, study, self._clock.now())
            recording.record(routing_repeated(study, by, reason))
            return study.revision

    def retry_failed(self, by: Actor) -> int:
        """Have each study decided again whose routing failed, and return how many: an update may have mended it."""
        with self._trail.recording() as recording:
            failed = recording.session.scalars(
                select(StudyRow).where(StudyRow.state == StudyState.UNROUTED, StudyRow.reason_code == ROUTING_FAILED)
            ).all()
            for study in failed:
                change_state(recording.session, study, StudyState.RECEIVING)
                study.reason_code = study.reason_parameters = None
                recording.record(routing_repeated(study, by, ROUTING_FAILED))
            return len(failed)
