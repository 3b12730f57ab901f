"""The audit events of deliveries: which run, to which peer at which address, after how many attempts."""

from __future__ import annotations

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.deliver.policy import is_warning
from node.deliver.tables import DeliveryRow
from node.runs.tables import RunRow
from pipelines.contract import Reason


def delivery_done(delivery: DeliveryRow, run: RunRow, by: Actor) -> AuditEvent:
    """Return that the destination took every object that it wants, how many with a warning, and how many stay."""
    warned = sum(is_warning(item.status) for item in delivery.items if item.status is not None)
    objects = sum(item.wanted for item in delivery.items)
    unwanted = len(delivery.items) - objects
    return _event(AuditCode.DELIVERY_DONE, delivery, run, by, objects=objects, warnings=warned, unwanted=unwanted)


def delivery_failed(delivery: DeliveryRow, run: RunRow, by: Actor, reason: Reason) -> AuditEvent:
    """Return that the delivery ended before the destination had every object."""
    stored = sum(item.status is not None for item in delivery.items)
    return _event(AuditCode.DELIVERY_FAILED, delivery, run, by, reason=reason.code, objects=stored)


def delivery_repeated(delivery: DeliveryRow, run: RunRow, by: Actor, reason: str) -> AuditEvent:
    """Return that a person had a failed delivery sent again, and how many objects that are."""
    return _event(AuditCode.DELIVERY_REPEATED, delivery, run, by, reason=reason, objects=len(delivery.to_send))


def repetition_refused(delivery: DeliveryRow, run: RunRow, by: Actor, reason: Reason) -> AuditEvent:
    """Return that a person was refused to have a delivery sent again."""
    return _event(AuditCode.RELEASE_REFUSED, delivery, run, by, reason=reason.code)


_FAILURES = frozenset({AuditCode.DELIVERY_FAILED, AuditCode.RELEASE_REFUSED})


def _event(code: AuditCode, delivery: DeliveryRow, run: RunRow, by: Actor, **details: str | int) -> AuditEvent:
    return AuditEvent(
        code=code,
        actor=by,
        outcome="failure" if code in _FAILURES else "success",
        study_uid=run.study_uid,
        correlation=run.correlation_id,
        details={
            "run": run.run_id,
            "purpose": delivery.purpose,
            "destination": delivery.destination,
            "peer": delivery.address,
            "attempts": delivery.attempts,
            **details,
        },
    )
