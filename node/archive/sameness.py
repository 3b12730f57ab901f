"""Is it the same data set in another transfer syntax? The second sender of a study often negotiates another one."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

_PLAIN = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian})


def same_data_set(first: Path, second: Path) -> bool:
    """Tell whether two files hold the same data set, one in explicit and one in implicit VR little endian.

    The two encodings have the same value bytes; only VRs and lengths are written differently (PS3.5 A.1, A.2). So
    values are compared as bytes, and what is nested element by element. Files of other syntaxes, and files that
    cannot be read, are never called the same: someone must look.
    """
    try:
        one, other = dcmread(first, force=True), dcmread(second, force=True)
        if not {one.file_meta.TransferSyntaxUID, other.file_meta.TransferSyntaxUID} <= _PLAIN:
            return False
        return _same(one, other)
    except Exception:  # a parser of foreign bytes may raise anything, and then they are not known to be the same
        return False


def _same(one: Dataset, other: Dataset) -> bool:
    # Group lengths are retired and depend on the encoding.
    tags = [tag for tag in sorted(one.keys()) if tag.element]
    if tags != [tag for tag in sorted(other.keys()) if tag.element]:
        return False
    # All bytes are looked at before any sequence is: decoding one makes the reader decode elements around it.
    pairs = [(tag, _value_bytes(one, tag), _value_bytes(other, tag)) for tag in tags]
    nested = [tag for tag, first, second in pairs if first is None or first != second]
    return all(_same_items(one[tag], other[tag]) for tag in nested)


def _same_items(first: DataElement, second: DataElement) -> bool:
    if first.VR != "SQ" or second.VR != "SQ":
        return False
    return all(a and b and _same(a, b) for a, b in zip_longest(first.value, second.value))


def _value_bytes(dataset: Dataset, tag: BaseTag) -> bytes | None:
    element = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        return element.value or b""
    # The reader decodes two kinds at once: sequences of undefined length, and what is empty.
    return b"" if element is not None and element.is_empty else None
