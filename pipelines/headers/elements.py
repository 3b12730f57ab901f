"""Elements of a data set as plain values; a value that pydicom refuses is kept as it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName

_WRITTEN_AS_TEXT = frozenset({"DS", "IS"})


def decoded_element(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """Return an element of `dataset`; None where it is absent or cannot be decoded.

    A number that is no decimal string of PS3.5 6.2, such as ``2,52``, comes back as the text that was written: what
    it means is for `pipelines.headers.values` to say.
    """
    try:
        return dataset[tag]
    except KeyError:
        return None
    except Exception:  # foreign bytes: pydicom raises ValueError, BytesLengthException, OSError and more
        return _as_written(dataset, tag)


def plain_value(dataset: Dataset, tag: BaseTag) -> Any:
    """Return an element's value as text, number, list of these, or list of mappings for a sequence; else None."""
    element = decoded_element(dataset, tag)
    if element is None or element.value is None:
        return None
    if element.VR == "SQ":
        # By tag: iterating an item decodes each element, and one that is malformed would take all others with it.
        return [
            {keyword: plain_value(item, tag) for tag in sorted(item.keys()) if (keyword := keyword_for_tag(tag))}
            for item in element.value
        ]
    value = element.value
    if isinstance(value, str | bytes | Mapping | PersonName) or not hasattr(value, "__iter__"):
        return _single(value)
    return [_single(one) for one in value]


def _as_written(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    raw = dataset.get_item(tag)
    if not isinstance(raw, RawDataElement) or not isinstance(raw.value, bytes):
        return None
    representation = raw.VR or (dictionary_VR(tag) if not tag.is_private else "UN")
    if representation not in _WRITTEN_AS_TEXT:
        return None
    parts = [part.strip(" \0") for part in raw.value.decode("latin-1").split("\\")]
    # As long text: pydicom would refuse it again under its own representation.
    return DataElement(tag, "LT", parts[0]) if len(parts) == 1 else DataElement(tag, "LO", parts)


def _single(value: Any) -> str | int | float | None:
    if value is None or isinstance(value, bytes | Mapping):
        return None
    if isinstance(value, str | int):
        return value
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)
