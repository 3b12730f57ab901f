"""Attributes that a reader cannot do without, with errors that name the instance and the attribute."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydicom import Dataset
from pydicom.tag import Tag

from pipelines.errors import UnreadableSeries
from pipelines.headers.elements import decoded_element

_MOST_SHOWN = 256
"""Characters of an odd value that are shown: all of any value that somebody typed."""


def required(dataset: Dataset, keyword: str) -> Any:
    """Return the value of a non-empty attribute.

    Raises
    ------
    UnreadableSeries
        ``attribute-missing``, with the attribute's keyword and the instance's UID.
    """
    value = _value(dataset, keyword)
    if value is None or (hasattr(value, "__len__") and len(value) == 0):
        raise UnreadableSeries("attribute-missing", attribute=keyword, instance=_name(dataset))
    return value


def numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...]:
    """Return the `count` finite numbers that an attribute must hold.

    Raises
    ------
    UnreadableSeries
        ``attribute-missing``, or ``attribute-malformed`` with what was found.
    """
    found = required(dataset, keyword)
    try:
        values = tuple(float(value) for value in _listed(found))
    except (TypeError, ValueError, OverflowError):
        values = ()
    if len(values) != count or not all(math.isfinite(value) for value in values):
        raise UnreadableSeries(
            "attribute-malformed",
            attribute=keyword,
            instance=_name(dataset),
            found=str(found)[:_MOST_SHOWN],
            expected=f"{count} numbers" if count > 1 else "a number",
        )
    return values


def number(dataset: Dataset, keyword: str, default: float) -> float:
    """Return the number of an optional attribute, or `default` where it is absent or empty.

    Raises
    ------
    UnreadableSeries
        ``attribute-malformed`` when it is there but is no finite number.
    """
    if _value(dataset, keyword) in (None, ""):
        return default
    return numbers(dataset, keyword, 1)[0]


def whole(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """Return the whole number of 1 or more that an attribute holds; `default` where it is absent, if one is given.

    Raises
    ------
    UnreadableSeries
        ``attribute-missing`` or ``attribute-malformed``.
    """
    if default is not None and _value(dataset, keyword) in (None, ""):
        return default
    (found,) = numbers(dataset, keyword, 1)
    if found < 1 or found != int(found):
        raise UnreadableSeries(
            "attribute-malformed", attribute=keyword, instance=_name(dataset), found=f"{found:g}", expected="a count"
        )
    return int(found)


def image_type(dataset: Dataset) -> tuple[str, ...]:
    """Return the values of ImageType in capitals; none where it is absent."""
    return tuple(str(part).strip().upper() for part in _listed(dataset.get("ImageType") or ()))


def _value(dataset: Dataset, keyword: str) -> Any:
    element = decoded_element(dataset, Tag(keyword))
    return None if element is None else element.value


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,)


def _name(dataset: Dataset) -> str:
    return str(dataset.get("SOPInstanceUID") or "without SOPInstanceUID")
