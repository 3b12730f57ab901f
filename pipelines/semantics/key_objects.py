"""That a rejection note says why, and rejects what it lists and nothing less."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from pipelines.objects.codes import REJECTED_FOR_QUALITY, REJECTED_FOR_SAFETY
from pipelines.semantics.rules import KEY_OBJECTS, Finding, Rule, Subject, finding, is_note, uid_of

_TITLES = frozenset({REJECTED_FOR_QUALITY.value, REJECTED_FOR_SAFETY.value})
_DESCRIPTION = "113012"


def _explained(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for note in objects:
        titles = [str(code.get("CodeValue", "")) for code in note.get("ConceptNameCodeSequence") or ()]
        if len(titles) != 1 or titles[0] not in _TITLES:
            yield finding(
                "object-rejection-title", note, found=", ".join(titles), accepted=" or ".join(sorted(_TITLES))
            )
        said = [str(item.get("TextValue", "")) for item in _content(note) if _concept(item) == _DESCRIPTION]
        if not any(text.strip() for text in said):
            yield finding("object-rejection-unexplained", note)


def _complete(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    others = {uid_of(one) for one in subject.objects if not is_note(one)}
    for note in objects:
        referred, evidence = _referred(note), _evidence(note)
        if not referred or referred != evidence:
            yield finding("object-rejection-unlisted", note, found=len(referred), stated=len(evidence))
        for uid in sorted(others - referred):
            yield finding("object-rejection-incomplete", note, found=uid)
        if others:
            for uid in sorted(referred - others):
                yield finding("object-reference-dangling", note, found=uid)


def _content(note: Dataset) -> list[Dataset]:
    return list(note.get("ContentSequence") or ())


def _concept(item: Dataset) -> str:
    return next((str(code.get("CodeValue", "")) for code in item.get("ConceptNameCodeSequence") or ()), "")


def _referred(note: Dataset) -> set[str]:
    return {
        str(one.get("ReferencedSOPInstanceUID", ""))
        for item in _content(note)
        for one in item.get("ReferencedSOPSequence") or ()
    }


def _evidence(note: Dataset) -> set[str]:
    return {
        str(one.get("ReferencedSOPInstanceUID", ""))
        for study in note.get("CurrentRequestedProcedureEvidenceSequence") or ()
        for series in study.get("ReferencedSeriesSequence") or ()
        for one in series.get("ReferencedSOPSequence") or ()
    }


RULES = (
    Rule(
        "rejection-explained",
        "PS3.16 TID 2010, CID 7010; IHE IOCM: a title of rejection and a description",
        _explained,
        KEY_OBJECTS,
        of_house=True,
    ),
    Rule(
        "rejection-complete",
        "PS3.3 C.17.6.2: the evidence lists what the content refers to; IHE IOCM: every object of the result",
        _complete,
        KEY_OBJECTS,
        of_house=True,
    ),
)
