"""The semantic check: every rule over all objects of one result, each with a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom import Dataset

from pipelines.contract import Check, Reason, Verdict
from pipelines.reading.series import SourceSeries
from pipelines.semantics import contours, form, frames, geometry, identity, pixels, references
from pipelines.semantics.rules import Rule, Subject

RULES: tuple[Rule, ...] = (
    *form.RULES,
    *identity.RULES,
    *geometry.RULES,
    *frames.RULES,
    *pixels.RULES,
    *references.RULES,
    *contours.RULES,
)


def check_objects(objects: Sequence[Dataset], sources: Sequence[SourceSeries]) -> tuple[Check, ...]:
    """Check what is about to leave against its sources, in memory or read back from files.

    Parameters
    ----------
    objects
        All objects of one result.
    sources
        Every series that they were derived from, the one whose frame of reference they stand in first.

    Returns
    -------
    One check for each rule that is about objects of this result, in a fixed order: PASS with what was looked at, or
    REJECT with the first breach and how many there are. Identity, frame of reference, geometry and marks cannot be
    overridden.
    """
    subject = Subject.of(objects, sources)
    chosen = [(rule, subject.of_classes(rule.classes)) for rule in RULES]
    return tuple(_apply(rule, subject, concerned) for rule, concerned in chosen if concerned or not rule.classes)


def _apply(rule: Rule, subject: Subject, concerned: tuple[Dataset, ...]) -> Check:
    try:
        breaches = list(rule.look(subject, concerned))
    except Exception as why:  # malformed values raise what they like, and what cannot be checked has not passed
        breaches = [Reason("object-unreadable", {"rule": rule.name, "detail": type(why).__name__})]
    if not breaches:
        held = Reason("object-rule-held", {"objects": len(concerned), "clause": rule.clause})
        return Check(rule.name, Verdict.PASS, held, rule.overridable)
    first = breaches[0]
    reason = Reason(first.code, {"clause": rule.clause, **first.parameters, "breaches": len(breaches)})
    return Check(rule.name, Verdict.REJECT, reason, rule.overridable)
