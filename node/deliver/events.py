"""The audit events of deliveries: which run, to which peer at which address, after how many attempts."""

from __future__ import annotations

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.deliver.tables import DeliveryRow
from node.deliver.target import recorded_peer
from node.jobs.tables import RunRow
from pipelines.contract import Reason


def delivery_done(delivery: DeliveryRow, run: RunRow, by: Actor) -> AuditEvent:
    """The destination took every object."""
    return _event(AuditCode.DELIVERY_DONE, delivery, run, by, objects=len(delivery.items))


def delivery_failed(delivery: DeliveryRow, run: RunRow, by: Actor, reason: Reason) -> AuditEvent:
    """The delivery ended before the destination had every object."""
    stored = sum(item.status is not None for item in delivery.items)
    return _event(AuditCode.DELIVERY_FAILED, delivery, run, by, reason=reason.code, objects=stored)


def _event(code: AuditCode, delivery: DeliveryRow, run: RunRow, by: Actor, **details: str | int) -> AuditEvent:
    return AuditEvent(
        code=code,
        actor=by,
        outcome="failure" if code is AuditCode.DELIVERY_FAILED else "success",
        study_uid=run.study_uid,
        correlation=run.correlation_id,
        details={
            "run": run.run_id,
            "destination": delivery.destination,
            "peer": str(recorded_peer(delivery)),
            "attempts": delivery.attempts,
            **details,
        },
    )
