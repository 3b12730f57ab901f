"""Approvals: which model packages a named person approved at this site for automatic release, pinned by their hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.packages import ModelPackage
from node.access import Permission
from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.errors import Refusal
from node.release.tables import ModelApprovalRow
from node.runs.models import installed_model


class ModelApprovals:
    """Acts of people on approvals.

    Parameters
    ----------
    trail, clock
        The node's parts.
    package
        Returns the installed model package of a name, verified.
    """

    def __init__(self, trail: AuditTrail, clock: Clock, package: Callable[[str], ModelPackage]) -> None:
        self._trail = trail
        self._clock = clock
        self._package = package

    def approve(self, model: str, by: Actor, reason: str) -> str:
        """Approve the installed package of that name, and return its hash; another package of that name is not meant.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``approval-needs-reason``, or ``approval-doubled``.
        Permanent
            ``model-missing`` or ``model-unusable``.
        Transient
            ``model-folder-missing``.
        """
        self._trail.check_access(by, Permission.APPROVE_MODELS)
        if not reason.strip():
            raise Refusal("approval-needs-reason", model=model)
        package = installed_model(self._package, model)
        with self._trail.recording() as recording:
            if is_approved(recording.session, package.sha256):
                raise Refusal("approval-doubled", model=model)
            recording.session.add(
                ModelApprovalRow(
                    model=model,
                    sha256=package.sha256,
                    approved_by=by.name,
                    reason=reason,
                    approved_at=self._clock.now(),
                )
            )
            details = {"model": model, "version": package.card.version, "sha256": package.sha256, "reason": reason}
            recording.record(AuditEvent(AuditCode.MODEL_APPROVED, by, details=details))
        return package.sha256

    def withdraw(self, model: str, by: Actor, reason: str) -> None:
        """Withdraw the approval of every package of that name: from now on their results are held.

        Raises
        ------
        Refusal
            Those of `node.access.check`, ``approval-needs-reason``, or ``approval-none``.
        """
        self._trail.check_access(by, Permission.APPROVE_MODELS)
        if not reason.strip():
            raise Refusal("approval-needs-reason", model=model)
        with self._trail.recording() as recording:
            approved = select(ModelApprovalRow).where(
                ModelApprovalRow.model == model, ModelApprovalRow.withdrawn_at.is_(None)
            )
            rows = recording.session.scalars(approved).all()
            if not rows:
                raise Refusal("approval-none", model=model)
            for row in rows:
                row.withdrawn_by, row.withdrawn_at = by.name, self._clock.now()
                details = {"model": model, "sha256": row.sha256, "reason": reason}
                recording.record(AuditEvent(AuditCode.MODEL_WITHDRAWN, by, details=details))


def is_approved(session: Session, sha256: str) -> bool:
    """Return whether the package of that hash is approved."""
    question = select(ModelApprovalRow.id).where(
        ModelApprovalRow.sha256 == sha256, ModelApprovalRow.withdrawn_at.is_(None)
    )
    return session.scalars(question.limit(1)).first() is not None


def approvals(session: Session) -> Sequence[ModelApprovalRow]:
    """Return all approvals, the latest first, those included that were withdrawn."""
    return session.scalars(select(ModelApprovalRow).order_by(ModelApprovalRow.id.desc())).all()
