"""The service of studies: a named person declares that nothing more of a study will come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node.access import Permission, check
from node.actor import Actor
from node.archive.catalogue import Catalogue
from node.archive.tables import StudyRow
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.errors import Permanent, Refusal
from node.states import StudyState


@dataclass(frozen=True, slots=True)
class Completed:
    """A study that settles at the next tick.

    Attributes
    ----------
    study_uid, revision
        The study, and which of its revisions it is.
    instances
        How many instances it has, by Series Instance UID.
    """

    study_uid: str
    revision: int
    instances: Mapping[str, int]


class StudyService:
    """Acts of people on studies that are being received.

    Parameters
    ----------
    trail, clock
        The node's parts.
    """

    def __init__(self, trail: AuditTrail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def complete(self, study_uid: str, by: Actor, reason: str) -> Completed:
        """Have a study decided now instead of when it has been quiet; an instance that comes later reopens it.

        What was acknowledged before is filed first: the engine reads all receipts before it settles.

        Parameters
        ----------
        study_uid
            The study. It must be receiving.
        by, reason
            The person who knows that nothing more comes, and how.

        Raises
        ------
        Refusal
            ``study-unknown``, those of `node.access.check`, ``study-needs-reason``, or ``study-not-receiving``.
            A refusal is audited as well.
        """
        try:
            return self._complete(study_uid, by, reason)
        except Permanent as refusal:
            with self._trail.recording() as recording:
                study = recording.session.get(StudyRow, study_uid)
                if study is not None:
                    recording.record(replace(_completed(study, by, refusal.reason.code), outcome="failure"))
            raise

    def _complete(self, study_uid: str, by: Actor, reason: str) -> Completed:
        with self._trail.recording() as recording:
            study = recording.session.get(StudyRow, study_uid, with_for_update=True)
            if study is None:
                raise Refusal("study-unknown", study=study_uid)
            check(by, Permission.COMPLETE_STUDY)
            if not reason.strip():
                raise Refusal("study-needs-reason", study=study_uid)
            if study.state != StudyState.RECEIVING or study.last_instance_at is None:
                raise Refusal("study-not-receiving", study=study_uid, state=study.state)
            # Where the clock was set back, "now" may lie before its last instance.
            study.completed_at = max(self._clock.now(), study.last_instance_at)
            recording.record(_completed(study, by, reason))
            catalogue = Catalogue(recording.session)
            counts = {
                one.series_uid: len(catalogue.instances_of(one.series_uid)) for one in catalogue.series_of(study_uid)
            }
            return Completed(study_uid, study.revision, counts)


def _completed(study: StudyRow, by: Actor, reason: str) -> AuditEvent:
    return AuditEvent(
        AuditCode.STUDY_COMPLETED,
        by,
        study_uid=study.study_uid,
        correlation=study.correlation_id,
        details={"revision": study.revision, "reason": reason},
    )
