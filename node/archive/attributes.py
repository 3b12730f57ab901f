"""A header as plain values: what rules and queries may look at, without pixels and patient identifiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from node.archive.frames import frame_attributes
from pipelines.headers.elements import decoded_element
from pipelines.headers.functional_groups import is_enhanced
from pipelines.headers.private import private_values

_BULK = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN", "PN"})
_ABOUT_THE_PATIENT = frozenset({"PatientAge", "PatientSex", "PatientSize", "PatientWeight", "PregnancyStatus"})
_IDENTIFYING = frozenset(
    {
        "AccessionNumber",
        "ImageComments",
        "OriginalAttributesSequence",
        "ReferringPhysicianAddress",
        "ReferringPhysicianIdentificationSequence",
        "ReferringPhysicianTelephoneNumbers",
        "RequestAttributesSequence",
        "StudyComments",
        "StudyID",
    }
)
_IDENTIFYING_GROUPS = frozenset({0x0010, 0x0012, 0x0038, 0x4008})
"""Patient, clinical trial subject, visit, and results groups."""

_MAX_TEXT = 1024
_MAX_VALUES = 64
_MAX_ITEMS = 16
_MAX_DEPTH = 6


def attributes(header: Dataset) -> dict[str, Any]:
    """Return the header as {DICOM keyword: value | [values] | [{...}] for sequences}, fit for JSON.

    Left out are pixel and other bulk data, all person names, whatever identifies the patient, private elements but
    those of `pipelines.headers.private`, and values that cannot be decoded. Of a long list the first 64 values stay, of
    a sequence the first 16 items. Of an enhanced object see `node.archive.frames`.
    """
    return frame_attributes(header, _top_level) if is_enhanced(header) else _top_level(header)


def _top_level(header: Dataset) -> dict[str, Any]:
    private = {name: _several(value) for name, value in private_values(header).items()}
    return {**_mapping(header, 0), **{name: value for name, value in private.items() if value is not None}}


def differing(first: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `own` says otherwise than `first`, both from `attributes`; None for what it does not say."""
    keywords = sorted(first.keys() | own.keys())
    return {keyword: own.get(keyword) for keyword in keywords if first.get(keyword) != own.get(keyword)}


def _mapping(dataset: Dataset, depth: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for tag in sorted(dataset.keys()):
        if tag.group % 2 or 0x5000 <= tag.group <= 0x7FFF:
            continue
        element = decoded_element(dataset, tag)
        if element is None or not element.keyword or element.VR in _BULK or _identifies(element):
            continue
        value = _value(element, depth)
        if value is not None:
            values[element.keyword] = value
    return values


def _identifies(element: DataElement) -> bool:
    if element.keyword in _IDENTIFYING:
        return True
    return element.tag.group in _IDENTIFYING_GROUPS and element.keyword not in _ABOUT_THE_PATIENT


def _value(element: DataElement, depth: int) -> Any:
    value = element.value
    if element.VR == "SQ":
        if depth == _MAX_DEPTH:
            return None
        return [_mapping(item, depth + 1) for item in value[:_MAX_ITEMS]] or None
    return _several(value)


def _several(value: Any) -> Any:
    if isinstance(value, MultiValue | list):
        several = [_single(one) for one in value[:_MAX_VALUES]]
        return several or None
    return _single(value)


def _single(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, bytes | Mapping):
        return None
    if isinstance(value, BaseTag):
        return f"{value:08X}"
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    try:
        number = float(value) if not isinstance(value, str) else None
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is not None:
        return number if math.isfinite(number) else None
    # PostgreSQL holds no NUL.
    return str(value)[:_MAX_TEXT].replace("\x00", "") or None
