"""Compare two files of one SOP Instance UID: the same object sent again, or another one under its name.

A second sender often negotiates another transfer syntax, compresses without loss, or adds where it keeps the object.
None of that makes another object.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag
from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

_PLAIN = frozenset({ExplicitVRLittleEndian, ImplicitVRLittleEndian})
_LOSSLESS = frozenset(
    {JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, HTJ2KLosslessRPCL, RLELossless}
)
_ABOUT_KEEPING = frozenset(
    {
        "DataSetTrailingPadding",
        "InstanceAvailability",
        "InstanceCoercionDateTime",
        "RetrieveAETitle",
        "RetrieveLocationUID",
        "RetrieveURI",
        "RetrieveURL",
        "StorageMediaFileSetID",
        "StorageMediaFileSetUID",
    }
)
"""What an archive adds or changes because it keeps the object: it says nothing of the object itself."""

_ABOUT_COMPRESSION = frozenset({"LossyImageCompression", "PhotometricInterpretation", "PlanarConfiguration"})
"""What a lossless codec may write otherwise, colour spaces included; the decoded pixels are compared."""

_PIXEL_DATA = BaseTag(0x7FE00010)
_MOST_NAMED = 8


def differences(first: Path, second: Path) -> tuple[str, ...]:
    """Return by which attributes two files are different objects: at most eight keywords; none where they are the same.

    Where the transfer syntaxes differ in VRs and lengths alone (PS3.5 A.1, A.2), values are compared as bytes, and what
    is nested element by element. Where one is compressed without loss, pixels are compared decoded. Private elements
    that only one has are passed over, as are `_ABOUT_KEEPING`.

    Notes
    -----
    Files that cannot be read or decoded, or are compressed with loss, are never called the same: somebody must look.
    """
    try:
        one, other = dcmread(first, force=True), dcmread(second, force=True)
        return tuple(dict.fromkeys(_differing(one, other)))[:_MOST_NAMED]
    except (
        Exception
    ) as error:  # a parser of foreign bytes may raise anything, and then they are not known to be the same
        return (f"cannot be compared ({type(error).__name__})",)


def _differing(one: Dataset, other: Dataset) -> Iterator[str]:
    syntaxes = {one.file_meta.TransferSyntaxUID, other.file_meta.TransferSyntaxUID}
    if not syntaxes <= _PLAIN | _LOSSLESS:
        yield "TransferSyntaxUID"
        return
    passed_over = set(_ABOUT_KEEPING)
    if not syntaxes <= _PLAIN:
        passed_over |= _ABOUT_COMPRESSION | {"PixelData"}
    yield from _elements(one, other, {BaseTag(tag_for_keyword(keyword) or 0) for keyword in passed_over})
    if not syntaxes <= _PLAIN and (_PIXEL_DATA in one or _PIXEL_DATA in other):
        same = _PIXEL_DATA in one and _PIXEL_DATA in other and np.array_equal(one.pixel_array, other.pixel_array)
        if not same:
            yield "PixelData"


def _elements(one: Dataset, other: Dataset, passed_over: set[BaseTag]) -> Iterator[str]:
    tags = {tag for tag in {*one.keys(), *other.keys()} - passed_over if tag.element}  # group lengths are retired
    both = sorted(tag for tag in tags if tag in one and tag in other)
    yield from (_name(tag) for tag in sorted(tags.difference(both)) if not tag.is_private)
    # All bytes are looked at before any sequence is: decoding one makes the reader decode elements around it.
    pairs = [(tag, _value_bytes(one, tag), _value_bytes(other, tag)) for tag in both]
    for tag, first, second in pairs:
        if first is not None and first == second:
            continue
        decoded = first is None or second is None
        if not (_same_value(one[tag], other[tag]) if decoded else _same_items(one[tag], other[tag])):
            yield _name(tag)


def _same_value(first: DataElement, second: DataElement) -> bool:
    """Compare what the reader decoded by itself: SpecificCharacterSet, and sequences of undefined length."""
    if "SQ" in (first.VR, second.VR):
        return _same_items(first, second)
    return bool(first.VR == second.VR and first.value == second.value)


def _same_items(first: DataElement, second: DataElement) -> bool:
    if first.VR != "SQ" or second.VR != "SQ":
        return False
    items = zip_longest(first.value, second.value)
    return all(a and b and not any(_elements(a, b, set())) for a, b in items)


def _value_bytes(dataset: Dataset, tag: BaseTag) -> bytes | None:
    element = dataset.get_item(tag)
    if isinstance(element, RawDataElement):
        return element.value or b""
    # The reader decodes three kinds at once: SpecificCharacterSet, sequences of undefined length, and what is empty.
    return b"" if element is not None and element.is_empty else None


def _name(tag: BaseTag) -> str:
    return keyword_for_tag(tag) or str(tag)
