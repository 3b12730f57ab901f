"""What a rule may look at: a study's series by their headers, in a typed view with missing values left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

_WHOLE_NUMBERS = frozenset({"IS", "SL", "SS", "UL", "US", "SV", "UV"})
_NUMBERS = frozenset({"DS", "FL", "FD"})
_TEXT = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"})
_CEL_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """One series as the catalogue knows it.

    Attributes
    ----------
    series_uid
        Series Instance UID.
    attributes
        Header of its first instance: DICOM keyword to value, list of values, or list of such mappings for sequences.
    instance_count
        Number of its instances in the archive.
    own
        Whether this node made it, or it refers to something that this node made.
    """

    series_uid: str
    attributes: Mapping[str, Any]
    instance_count: int
    own: bool = False


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """One settled study: who sent it to whom, and its series."""

    study_uid: str
    calling_ae: str
    called_ae: str
    series: tuple[SeriesFacts, ...]


def typed(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with the types that their keywords have in the data dictionary (PS3.6).

    Numbers are numbers, text is without padding, and an attribute that may hold several values is a list even when
    it holds one, so that ``"IR" in ScanningSequence`` means the same for every scanner. What is absent, empty, or
    not of its type is left out: to a rule it is missing.
    """
    view = {}
    for keyword, value in attributes.items():
        tag = tag_for_keyword(keyword) if isinstance(keyword, str) else None
        if tag is None:
            continue
        found = _value(dictionary_VR(tag), dictionary_VM(tag), value)
        if found is not None:
            view[keyword] = found
    return view


def _value(representation: str, multiplicity: str, value: Any) -> Any:
    if representation == "SQ":
        items = value if isinstance(value, list | tuple) else [value]
        return [typed(item) for item in items if isinstance(item, Mapping)] or None
    if multiplicity == "1":
        if isinstance(value, list | tuple):
            value = value[0] if len(value) == 1 else None
        return _single(representation, value)
    several = value if isinstance(value, list | tuple) else [value]
    values = [_single(representation, one) for one in several]
    # One unreadable value would shift or hide the others, so the whole attribute counts as missing.
    return None if not values or None in values else values


def _single(representation: str, value: Any) -> str | int | float | None:
    first = representation.split(" or ")[0]
    if first in _WHOLE_NUMBERS or first in _NUMBERS:
        return _number(value, whole=first in _WHOLE_NUMBERS)
    if first in _TEXT and isinstance(value, str):
        return _encodable(value.strip(" \0"))
    return None


def _number(value: Any, *, whole: bool) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if not whole:
        return number
    return int(number) if number.is_integer() and int(number) in _CEL_INTEGERS else None


def _encodable(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates, from bytes in an undeclared character set
        return None
    return text or None
