"""Values with the types that the data dictionary gives their keywords (PS3.6); what is not of its type is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from pipelines.headers.private import PRIVATE

WHOLE_NUMBERS = frozenset({"IS", "SL", "SS", "UL", "US", "SV", "UV"})
"""Value representations (PS3.5 6.2) of whole numbers."""

DECIMAL_NUMBERS = frozenset({"DS", "FL", "FD"})
"""Value representations of decimal numbers."""

TEXTS = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"})
"""Value representations of text, dates and UIDs."""

_CEL_INTEGERS = range(-(2**63), 2**63)
# With three digits behind it a comma may part thousands ("1,900"): such a number is missing, not guessed.
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,(\d{1,2}|\d{4,})\s*")


def typed_value(keyword: str, value: Any) -> Any:
    """Return `value` as `keyword` wants it, or None: to a reader of headers it is missing then.

    Numbers are numbers, text is without padding, and an attribute that may hold several values is a list even when
    it holds one, so that ``"IR" in ScanningSequence`` means the same for every scanner. A decimal comma is read as a
    point (`has_decimal_comma` says so), unless it may as well part thousands.
    """
    kind = _representation(keyword)
    return None if kind is None else _value(*kind, value)


@lru_cache(maxsize=8192)
def _representation(keyword: str) -> tuple[str, str] | None:
    """Return VR and VM of an attribute; the dictionary takes longer to ask than all the rest of a value."""
    if (private := PRIVATE.get(keyword)) is not None:
        return private.representation, private.multiplicity
    tag = tag_for_keyword(keyword)
    return None if tag is None else (dictionary_VR(tag), dictionary_VM(tag))


def typed_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of `attributes` that have a value of their type; what is absent, empty or of another is left out."""
    typed = {
        keyword: typed_value(keyword, value)
        for keyword, value in attributes.items()
        if isinstance(keyword, str) and value is not None
    }
    return {keyword: value for keyword, value in typed.items() if value is not None}


def has_decimal_comma(value: Any) -> bool:
    """Return whether a number was written with a decimal comma, which PS3.5 6.2 does not know."""
    several = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(one, str) and _DECIMAL_COMMA.fullmatch(one) is not None for one in several)


def _value(representation: str, multiplicity: str, value: Any) -> Any:
    if representation == "SQ":
        items = value if isinstance(value, list | tuple) else [value]
        return [typed_attributes(item) for item in items if isinstance(item, Mapping)] or None
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
    if first in WHOLE_NUMBERS or first in DECIMAL_NUMBERS:
        return _number(value, whole=first in WHOLE_NUMBERS)
    if first in TEXTS and isinstance(value, str):
        return _encodable(value.strip(" \0"))
    return None


def _number(value: Any, *, whole: bool) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    if not whole and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value):
        value = value.replace(",", ".")
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
