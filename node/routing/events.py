"""The audit events of decisions: what the rules in force made of a study's revision."""

from __future__ import annotations

from node.actor import Actor
from node.archive.tables import StudyRow
from node.audit import AuditCode, AuditEvent
from node.rules import Decision, RuleSet


def study_routed(study: StudyRow, decision: Decision, ruleset: RuleSet, by: Actor) -> AuditEvent:
    """Return that rules took the study, and which."""
    rules = [firing.rule for firing in decision.firings]
    return _event(AuditCode.STUDY_ROUTED, study, by, ruleset, rules=rules)


def study_unrouted(study: StudyRow, reason: str, ruleset: RuleSet, by: Actor) -> AuditEvent:
    """Return that nothing is computed for the study, with the reason's code."""
    return _event(AuditCode.STUDY_UNROUTED, study, by, ruleset, reason=reason)


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
