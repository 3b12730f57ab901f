"""The audit events of the rule set: imported, activated."""

from __future__ import annotations

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.rules.tables import RulesActivationRow, RulesVersionRow
from pipelines.contract import Reason


def rules_imported(version: RulesVersionRow, by: Actor) -> AuditEvent:
    """Return that a version was imported."""
    details: dict[str, str | int] = {"number": version.number, "sha256": version.sha256, "note": version.note}
    return AuditEvent(AuditCode.RULES_IMPORTED, by, details=details)


def rules_activated(activation: RulesActivationRow, version: RulesVersionRow, by: Actor) -> AuditEvent:
    """Return that a version began to decide."""
    details: dict[str, str | int] = {
        "number": version.number,
        "sha256": version.sha256,
        "act": activation.act,
        "note": activation.note,
    }
    if activation.replaced is not None:
        details["replaced"] = activation.replaced
    return AuditEvent(AuditCode.RULES_ACTIVATED, by, details=details)


def activation_refused(number: int, act: str, by: Actor, reason: Reason) -> AuditEvent:
    """Return that a version was not activated, with the reason's code."""
    details: dict[str, str | int] = {"number": number, "act": act, "reason": reason.code}
    return AuditEvent(AuditCode.RULES_ACTIVATED, by, "failure", details=details)
