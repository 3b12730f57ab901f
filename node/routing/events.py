"""The audit events of decisions: what the rules in force made of a study's revision."""

from __future__ import annotations

from node.actor import Actor
from node.archive.tables import StudyRow
from node.audit import AuditCode, AuditEvent
from node.rules import Decision, RuleSet

ROUTING_FAILED = "routing-failed"
"""Reason code of a study that could not be routed by a fault of ours."""


def study_routed(study: StudyRow, decision: Decision, ruleset: RuleSet, by: Actor) -> AuditEvent:
    """Return that rules took the study, and which."""
    details = {"rules": [firing.rule for firing in decision.firings]}
    if decision.conflicts:
        details["conflicts"] = [" and ".join(one.rules) for one in decision.conflicts]
    return _event(AuditCode.STUDY_ROUTED, study, by, ruleset, **details)


def study_unrouted(study: StudyRow, reason: str, ruleset: RuleSet, by: Actor) -> AuditEvent:
    """Return that nothing is computed for the study, with the reason's code."""
    return _event(AuditCode.STUDY_UNROUTED, study, by, ruleset, reason=reason)


def routing_repeated(study: StudyRow, by: Actor, reason: str) -> AuditEvent:
    """Return that a study is to be decided again, in the revision that it then is in."""
    return AuditEvent(
        code=AuditCode.ROUTING_REPEATED,
        actor=by,
        study_uid=study.study_uid,
        correlation=study.correlation_id,
        details={"revision": study.revision, "reason": reason},
    )


def _event(code: AuditCode, study: StudyRow, by: Actor, ruleset: RuleSet, **details: str | list[str]) -> AuditEvent:
    return AuditEvent(
        code=code,
        actor=by,
        study_uid=study.study_uid,
        correlation=study.correlation_id,
        details={
            "revision": study.revision,
            **details,
            "ruleset": ruleset.version,
            **({} if ruleset.number is None else {"version": ruleset.number}),
        },
    )
