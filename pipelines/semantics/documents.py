"""Objects about a result: structured report, PDF report, summary picture."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydicom import Dataset

from pipelines.objects.codes import MILLILITRE, OUR_SCHEME, VERDICT, VOLUME
from pipelines.objects.encapsulated_pdf import is_pdf
from pipelines.semantics.rules import (
    CAPTURES,
    PDFS,
    STRUCTURED_REPORTS,
    Finding,
    Rule,
    Subject,
    finding,
)

_TEMPLATE = "1500"
_VALUE_OF = {
    "TEXT": "TextValue",
    "NUM": "MeasuredValueSequence",
    "CODE": "ConceptCodeSequence",
    "UIDREF": "UID",
    "IMAGE": "ReferencedSOPSequence",
    "COMPOSITE": "ReferencedSOPSequence",
    "PNAME": "PersonName",
    "DATETIME": "DateTime",
    "DATE": "Date",
    "TIME": "Time",
    "SCOORD": "GraphicData",
    "SCOORD3D": "GraphicData",
}
"""By value type, the attribute that holds an item's value (PS3.3 table C.17.3-7 and the macros of C.18)."""

_VOLUME_TOLERANCE = 0.005
"""Millilitres that ROIVolume and the report may differ by: both are rounded to a microlitre."""

_VERDICTS = ("PASS", "REVIEW", "REJECT")
_PLACED = ("ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID", "PixelSpacing")


def _content(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for report in objects:
        template = [str(item.get("TemplateIdentifier", "")) for item in report.get("ContentTemplateSequence") or ()]
        if report.get("ValueType") != "CONTAINER" or (subject.is_own(report) and template != [_TEMPLATE]):
            yield finding("object-report-root", report, found=", ".join(template), accepted=_TEMPLATE)
        for item in _items(report):
            kind = str(item.get("ValueType", ""))
            if not item.get("RelationshipType") or (kind in _VALUE_OF and not _has_value(item, kind)):
                yield finding("object-report-item", report, found=kind, item=_name(item))
            for value in item.get("MeasuredValueSequence") or ():
                if not math.isfinite(_number(value)) or not value.get("MeasurementUnitsCodeSequence"):
                    yield finding("object-report-item", report, found=kind, item=_name(item))


def _has_value(item: Dataset, kind: str) -> bool:
    # A measurement may be empty where it says why (PS3.3 C.18.1); all other items need their value.
    value = item.get(_VALUE_OF[kind])
    return value not in (None, "") and (len(value) > 0 if hasattr(value, "__len__") else True)


def _volumes(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    """The volumes that a report states are those of the structure set that goes along."""
    drawn = {
        str(item.get("ROIName", "")): float(item.ROIVolume)
        for structures in subject.structures
        for item in structures.get("StructureSetROISequence") or ()
        if item.get("ROIVolume") not in (None, "")
    }
    for report in objects:
        for name, millilitres in _stated_volumes(report):
            if name in drawn and abs(drawn[name] - millilitres) > _VOLUME_TOLERANCE:
                yield finding(
                    "object-report-volume", report, roi=name, found=f"{millilitres:g}", accepted=f"{drawn[name]:g}"
                )


def _stated_volumes(report: Dataset) -> Iterator[tuple[str, float]]:
    for group in _items(report):
        children = list(group.get("ContentSequence") or ())
        names = [str(item.TextValue) for item in children if _name(item) == "Tracking Identifier"]
        for item in children:
            for value in item.get("MeasuredValueSequence") or () if _is(item, VOLUME.value) else ():
                if names and _unit(value) == MILLILITRE.value:
                    yield names[0], _number(value)


def _verdicts(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for report in objects:
        for item in _items(report):
            if not _is(item, VERDICT.value):
                continue
            (found,) = item.ConceptCodeSequence
            if found.get("CodeValue") not in _VERDICTS or found.get("CodingSchemeDesignator") != OUR_SCHEME:
                yield finding("object-report-verdict", report, found=str(found.get("CodeValue", "")))


def _unverified(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for report in objects:
        if report.get("VerificationFlag") != "UNVERIFIED":
            found = str(report.get("VerificationFlag", ""))
            yield finding("object-approved", report, attribute="VerificationFlag", found=found, accepted="UNVERIFIED")


def _pdf(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for document in objects:
        content = document.get("EncapsulatedDocument") or b""
        length = document.get("EncapsulatedDocumentLength")
        kind = str(document.get("MIMETypeOfEncapsulatedDocument", ""))
        cut = length is not None and length not in (len(content), len(content) - 1)
        if kind != "application/pdf" or cut or not is_pdf(content):
            yield finding("object-pdf-broken", document, found=f"{kind}, {len(content)} bytes")


def _colour(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    accepted = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for image in objects:
        for keyword, value in accepted.items():
            if image.get(keyword) != value:
                yield finding("object-pixel-declaration", image, attribute=keyword, found=str(image.get(keyword)))


def _nowhere(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        for keyword in _PLACED:
            if image.get(keyword) not in (None, ""):
                yield finding("object-capture-placed", image, attribute=keyword)


def _items(holder: Dataset) -> Iterator[Dataset]:
    for item in holder.get("ContentSequence") or ():
        yield item
        yield from _items(item)


def _name(item: Dataset) -> str:
    return str((item.get("ConceptNameCodeSequence") or [Dataset()])[0].get("CodeMeaning", ""))


def _is(item: Dataset, code: str) -> bool:
    return bool((item.get("ConceptNameCodeSequence") or [Dataset()])[0].get("CodeValue") == code)


def _unit(value: Dataset) -> str:
    return str((value.get("MeasurementUnitsCodeSequence") or [Dataset()])[0].get("CodeValue", ""))


def _number(value: Dataset) -> float:
    return float(value.get("NumericValue", math.nan))


RULES = (
    Rule(
        "report-content",
        "PS3.3 C.17.3, C.18, PS3.16 TID 1500: each item has its relation and value, each number its unit",
        _content,
        STRUCTURED_REPORTS,
    ),
    Rule(
        "report-volumes",
        "PS3.3 C.8.8.5: a region has one volume, in the report and in the structure set",
        _volumes,
        STRUCTURED_REPORTS,
        of_house=True,
    ),
    Rule(
        "report-verdicts",
        "a verdict is PASS, REVIEW or REJECT",
        _verdicts,
        STRUCTURED_REPORTS,
        of_house=True,
    ),
    Rule(
        "report-unverified",
        "PS3.3 C.17.2: verification belongs to a person at the receiver",
        _unverified,
        STRUCTURED_REPORTS,
        of_house=True,
    ),
    Rule("pdf-whole", "PS3.3 C.24.2: the document is the PDF that it says, in full", _pdf, PDFS),
    Rule(
        "capture-colour", "PS3.3 C.7.6.3, C.8.6: colour by pixel, eight bits a sample", _colour, CAPTURES, of_house=True
    ),
    Rule(
        "capture-unplaced",
        "PS3.3 C.8.6: a picture of several planes claims no position and no size",
        _nowhere,
        CAPTURES,
        of_house=True,
    ),
)
