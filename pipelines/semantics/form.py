"""Attributes that must be there, values that must not be longer, and the marks that every output carries."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from pipelines.objects.codes import OUR_SCHEME
from pipelines.objects.lengths import too_long
from pipelines.objects.provenance import PRODUCT, lists_this_product, states_our_derivation
from pipelines.objects.required import missing
from pipelines.semantics.rules import KNOWN, STRUCTURES, Finding, Rule, Subject, finding, is_note


def _present(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    if not objects:
        yield Finding("object-none")


def _known(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        if str(dataset.get("SOPClassUID", "")) not in KNOWN:
            yield finding("object-class-unknown", dataset, found=str(dataset.get("SOPClassUID", "")))


def _required(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset, shared in _with_shared_tags(objects):
        for lacking in missing(dataset, shared, of_house=subject.is_own(dataset)):
            yield finding(
                "object-attribute-missing", dataset, attribute=lacking.where, clause=lacking.requirement.clause
            )


def _lengths(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset, shared in _with_shared_tags(objects):
        for over in too_long(dataset, shared, of_house=subject.is_own(dataset)):
            yield finding(
                "object-value-too-long", dataset, attribute=over.where, found=over.found, accepted=over.accepted
            )


def _marks(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        for keyword, value in (("SyntheticData", "YES"), ("ContentQualification", "RESEARCH")):
            if dataset.get(keyword) != value:
                yield finding(
                    "object-mark-missing",
                    dataset,
                    attribute=keyword,
                    found=str(dataset.get(keyword, "")),
                    accepted=value,
                )
        for attribute, there, accepted in (
            ("SeriesDescription", str(dataset.get("SeriesDescription", "")).startswith("SYNTHETIC"), "SYNTHETIC"),
            ("ContributingEquipmentSequence", lists_this_product(dataset), PRODUCT),
            (
                "DerivationCodeSequence",
                is_note(dataset) or states_our_derivation(dataset),
                OUR_SCHEME,
            ),
        ):
            if not there:
                yield finding("object-mark-missing", dataset, attribute=attribute, found="", accepted=accepted)
        if "ImageType" in dataset and dataset.ImageType[0] != "DERIVED":
            yield finding(
                "object-mark-missing",
                dataset,
                attribute="ImageType",
                found=str(dataset.ImageType[0]),
                accepted="DERIVED",
            )


def _unapproved(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        if dataset.get("ApprovalStatus") != "UNAPPROVED":
            yield finding(
                "object-approved",
                dataset,
                attribute="ApprovalStatus",
                found=str(dataset.get("ApprovalStatus", "")),
                accepted="UNAPPROVED",
            )


def _with_shared_tags(objects: tuple[Dataset, ...]) -> Iterator[tuple[Dataset, set[BaseTag]]]:
    """Yield each object with the tags whose encoded value the first object of its series has too.

    Slices of a series share most of their header: checking two hundred lists of two hundred source images one by one
    would take longer than making them.
    """
    first: dict[str, dict[BaseTag, DataElement | RawDataElement]] = {}
    for dataset in objects:
        series = str(dataset.get("SeriesInstanceUID", ""))
        if series not in first:
            first[series] = dict(dataset.items())
            yield dataset, set()
            continue
        yield dataset, {tag for tag, element in dataset.items() if _same(element, first[series].get(tag))}


def _same(one: DataElement | RawDataElement, other: DataElement | RawDataElement | None) -> bool:
    if isinstance(one, RawDataElement) and isinstance(other, RawDataElement):
        return one.value is other.value or one.value == other.value
    return False


RULES = (
    Rule("objects-present", "what may leave has at least one object", _present, overridable=True),
    Rule(
        "sop-class-known",
        "this house has rules for the classes that it writes, and sends no other",
        _known,
        of_house=True,
    ),
    Rule("attributes-required", "PS3.5 7.4: attributes of Type 1 and 2", _required, overridable=True),
    Rule("values-in-length", "PS3.5 6.2; planning systems: labels of 16 characters", _lengths, overridable=True),
    Rule(
        "synthetic-marked",
        "PS3.3 C.12.1: SyntheticData, ContentQualification, contributing equipment",
        _marks,
        of_house=True,
    ),
    Rule(
        "unapproved",
        "PS3.3 C.8.8.16: approval belongs to the planning system",
        _unapproved,
        STRUCTURES,
        of_house=True,
    ),
)
