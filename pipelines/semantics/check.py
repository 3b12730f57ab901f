"""The semantic check: every rule over all objects of one result, each with a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from pipelines.contract import Check, Reason, Verdict
from pipelines.reading.series import SourceSeries
from pipelines.semantics import contours, form, geometry, identity, references
from pipelines.semantics.rules import Rule, Subject

RULES: tuple[Rule, ...] = (
    *form.RULES,
    *identity.RULES,
    *geometry.RULES,
    *references.RULES,
    *contours.RULES,
)


def check_objects(objects: Sequence[Dataset], source: SourceSeries) -> tuple[Check, ...]:
    """Judge what is about to leave against its source, in memory or read back from files.

    Parameters
    ----------
    objects
        All objects of one result.
    source
        The series that they were derived from.

    Returns
    -------
    One check a rule, in a fixed order: PASS with what was looked at, or REJECT with the first breach and how many there
    are. Identity, frame of reference, geometry and marks cannot be overridden.
    """
    subject = Subject.of(objects, source)
    return tuple(_judged(rule, subject) for rule in RULES)


def _judged(rule: Rule, subject: Subject) -> Check:
    try:
        breaches = list(rule.look(subject))
    except Exception as why:  # malformed values raise what they like, and what cannot be judged has not passed
        breaches = [Reason("object-unreadable", {"rule": rule.name, "detail": type(why).__name__})]
    if not breaches:
        held = Reason("object-rule-held", {"objects": len(subject.objects), "clause": rule.clause})
        return Check(rule.name, Verdict.PASS, held, rule.overridable)
    first = breaches[0]
    told = Reason(first.code, {"clause": rule.clause, **first.parameters, "breaches": len(breaches)})
    return Check(rule.name, Verdict.REJECT, told, rule.overridable)
