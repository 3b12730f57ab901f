"""The semantic check: every rule over all objects of one result, each with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom import Dataset

from pipelines.contract import Check, Reason, Verdict
from pipelines.reading.series import SourceSeries
from pipelines.semantics import (
    contours,
    documents,
    form,
    frames,
    geometry,
    identity,
    key_objects,
    pixels,
    references,
    registrations,
)
from pipelines.semantics.rules import Rule, Subject

RULES: tuple[Rule, ...] = (
    *form.RULES,
    *identity.RULES,
    *geometry.RULES,
    *frames.RULES,
    *pixels.RULES,
    *references.RULES,
    *contours.RULES,
    *key_objects.RULES,
    *documents.RULES,
    *registrations.RULES,
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


def check_documents(
    documents: Sequence[Dataset],
    objects: Sequence[Dataset],
    sources: Sequence[SourceSeries],
    earlier: Sequence[Check],
) -> tuple[Check, ...]:
    """Check the documents that state the checks of `objects`, and so were written after these.

    Parameters
    ----------
    documents, objects
        What was written about a result, and its images with what refers to them.
    sources
        As of `check_objects`.
    earlier
        The checks of the result so far.

    Returns
    -------
    `earlier`, where a rule that the documents break has become a REJECT, and with the rules of documents at the end.
    """
    subject = Subject.of((*objects, *documents), sources)
    about = subject.objects[len(objects) :]
    found = list(earlier)  # checks of inputs may share a name, one an input
    places = {check.name: place for place, check in enumerate(found)}
    for rule in RULES:
        concerned = tuple(one for one in about if not rule.classes or str(one.get("SOPClassUID", "")) in rule.classes)
        if not concerned:
            continue
        later = _apply(rule, subject, concerned)
        if rule.name in places:
            found[places[rule.name]] = _joined(found[places[rule.name]], later)
        else:
            found.append(later)
    return tuple(found)


def _joined(earlier: Check, later: Check) -> Check:
    """Return the graver of two checks by one rule; of two that pass, one of all their objects."""
    if later.verdict is not Verdict.PASS:
        return later
    if earlier.verdict is not Verdict.PASS:
        return earlier
    counts = [int(check.reason.parameters["objects"]) for check in (earlier, later)]
    reason = Reason(later.reason.code, {**later.reason.parameters, "objects": sum(counts)})
    return Check(later.name, later.verdict, reason, later.overridable)


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """A rule that some objects of its SOP classes could not be held to, and how many."""

    rule: Rule
    objects: int


@dataclass(frozen=True, slots=True)
class FilesReport:
    """What the semantic check says of files.

    Attributes
    ----------
    checks
        One for each rule that was looked at, as of `check_objects`.
    not_looked_at
        Rules that need images or sources that were not given, or values of pixels that are compressed.
    own
        How many of the objects a synthnode made: those must be as this house writes them.
    """

    checks: tuple[Check, ...]
    not_looked_at: tuple[NotLookedAt, ...]
    own: int


def check_files(objects: Sequence[Dataset], sources: Sequence[SourceSeries] = ()) -> FilesReport:
    """Check objects of any maker that belong together: a series and what refers to it.

    Objects that a synthnode made are held to all rules, others to those of the standard. Without sources objects are
    compared with each other: one patient, one study, one frame of reference.

    Parameters
    ----------
    objects
        Of one result or study, as read from files.
    sources
        The series that they were derived from, where they are known.
    """
    subject = Subject.of(objects, sources, own=False)
    checks: list[Check] = []
    not_looked_at: list[NotLookedAt] = []
    for rule in RULES:
        concerned = tuple(one for one in subject.of_classes(rule.classes) if not rule.of_house or subject.is_own(one))
        if not concerned and (rule.classes or rule.of_house):
            continue
        fit = tuple(one for one in concerned if rule.needs.are_met(subject) and rule.needs.are_met_by(one))
        if len(fit) < len(concerned):
            not_looked_at.append(NotLookedAt(rule, len(concerned) - len(fit)))
        if fit or not concerned:
            checks.append(_apply(rule, subject, fit))
    return FilesReport(tuple(checks), tuple(not_looked_at), sum(subject.is_own(one) for one in subject.objects))


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
