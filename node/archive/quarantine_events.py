"""The audit events of quarantine entries that a person settles."""

from __future__ import annotations

from sqlalchemy.orm import Session

from node.actor import Actor
from node.archive.tables import QuarantineRow, StudyRow
from node.audit import AuditCode, AuditEvent
from node.audit.events import Outcome


def quarantine_settled(
    session: Session, row: QuarantineRow, how: str, by: Actor, reason: str, revision: int | None
) -> AuditEvent:
    """Return that a person settled an entry, and the revision that its study waits in, if one."""
    begun = {} if revision is None else {"revision": revision}
    return _event(session, row, how, by, "success", reason=reason, **begun)


def settling_refused(session: Session, row: QuarantineRow, how: str, by: Actor, code: str) -> AuditEvent:
    """Return that settling was asked for and is not allowed, with the reason's code."""
    return _event(session, row, how, by, "failure", reason=code)


def _event(
    session: Session, row: QuarantineRow, how: str, by: Actor, outcome: Outcome, **details: str | int
) -> AuditEvent:
    study = session.get(StudyRow, row.study_uid)
    return AuditEvent(
        code=AuditCode.QUARANTINE_SETTLED,
        actor=by,
        outcome=outcome,
        study_uid=row.study_uid or None,
        correlation=None if study is None else study.correlation_id,
        details={
            "entry": row.id,
            "how": how,
            "instance": row.sop_instance_uid,
            "sha256": row.sha256,
            "apart": row.reason_code,
            **details,
        },
    )
