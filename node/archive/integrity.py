"""Check that a file is whole: a walk over its elements that looks at tags and lengths and decodes nothing.

An element that claims more bytes than the file has is how a transfer that was cut shows itself (PS3.5 7.1). The walk
knows little endian, explicit and implicit, which is all that the receiver accepts. What is merely untidy passes, as no
reader takes it for anything else: elements out of order (PS3.5 7.1), and zeros behind the pixel data. What could be
read in two ways does not: an element that comes twice.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pydicom.uid import ImplicitVRLittleEndian

from node.errors import Quarantine

PIXEL_DATA = 0x7FE00010

_LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_ITEM_BYTES = b"\xfe\xff\x00\xe0"
_MAX_DEPTH = 32
_MAX_ELEMENTS = 20_000
"""On the top level; a header of a scanner has some hundreds."""
_MAX_ITEMS = 200_000
"""Items of sequences in a header, each of which costs a kilobyte to read; ten thousand enhanced frames have 100,000."""
_TAG_AND_LENGTH = struct.Struct("<HHL")
_SHORT_LENGTH = struct.Struct("<H")
_LONG_LENGTH = struct.Struct("<L")


@dataclass(frozen=True, slots=True)
class Shape:
    """What the walk saw.

    Attributes
    ----------
    has_pixels
        Whether there is pixel data of any kind (group 7FE0).
    native_bytes
        Length of Pixel Data in bytes; None when there is none or it is encapsulated.
    header_end
        Byte at which the pixel data begin, or the data set ends.
    """

    has_pixels: bool
    native_bytes: int | None
    header_end: int


def walk(content: memoryview, start: int, transfer_syntax_uid: str) -> Shape:
    """Walk over the data set that begins at byte `start` of `content` and ends where that ends.

    Raises
    ------
    Quarantine
        ``instance-truncated``: an element or item goes beyond the end; names the attribute, what it declares and what
        is there. ``instance-unreadable``: what stands there is no element, or one that was there before.
        ``instance-too-complex``: more elements or items than can be read at a reasonable cost.
    """
    shape = _Walk(content, transfer_syntax_uid == ImplicitVRLittleEndian).top_level(start)
    items = bytes(content[start : shape.header_end]).count(_ITEM_BYTES)
    if items > _MAX_ITEMS:
        raise Quarantine("instance-too-complex", found=f"{items} items of sequences", accepted=f"at most {_MAX_ITEMS}")
    return shape


class _Walk:
    def __init__(self, content: memoryview, implicit: bool) -> None:
        self._content = content
        self._end = len(content)
        self._implicit = implicit

    def top_level(self, at: int) -> Shape:
        seen: set[int] = set()
        native_bytes, header_end = None, None
        while at < self._end:
            if header_end is not None and not any(self._content[at:]):
                break  # padding
            tag, length, value, implicit = self._element(at, self._implicit)
            if tag in seen:
                raise _no_element(at, f"{_named(tag)} for the second time")
            seen.add(tag)
            if len(seen) > _MAX_ELEMENTS:
                raise Quarantine("instance-too-complex", found="more elements", accepted=f"at most {_MAX_ELEMENTS}")
            if tag >> 16 == PIXEL_DATA >> 16 and header_end is None:
                header_end = at
            at = self._after(tag, length, value, implicit, depth=0)
            if tag == PIXEL_DATA and length != _UNDEFINED:
                native_bytes = length
        return Shape(header_end is not None, native_bytes, self._end if header_end is None else header_end)

    def _element(self, at: int, implicit: bool) -> tuple[int, int, int, bool]:
        """Return tag, length, where the value begins, and whether what is nested in it is implicit."""
        if at + 8 > self._end:
            raise _cut(None, 8, self._end - at)
        group, element, length = _TAG_AND_LENGTH.unpack_from(self._content, at)
        tag = group << 16 | element
        if implicit:
            return tag, length, at + 8, True
        vr = bytes(self._content[at + 4 : at + 6])
        if not (vr.isalpha() and vr.isupper()):
            raise _no_element(at, f"{_named(tag)} with VR {vr!r}")
        if vr not in _LONG_VRS:
            return tag, _SHORT_LENGTH.unpack_from(self._content, at + 6)[0], at + 8, False
        if at + 12 > self._end:
            raise _cut(tag, 12, self._end - at)
        # What is UN and of undefined length is a sequence in implicit VR (PS3.5 6.2.2 note 4).
        return tag, _LONG_LENGTH.unpack_from(self._content, at + 8)[0], at + 12, vr == b"UN"

    def _after(self, tag: int, length: int, value: int, implicit: bool, depth: int) -> int:
        if length != _UNDEFINED:
            if length > self._end - value:
                raise _cut(tag, length, self._end - value)
            return value + length
        return self._after_items(tag, value, implicit, depth + 1)

    def _after_items(self, tag: int, at: int, implicit: bool, depth: int) -> int:
        if depth > _MAX_DEPTH:
            raise _no_element(at, f"sequences nested deeper than {_MAX_DEPTH} in {_named(tag)}")
        while True:
            if at + 8 > self._end:
                raise _cut(tag, 8, self._end - at)
            group, element, length = _TAG_AND_LENGTH.unpack_from(self._content, at)
            item, at = group << 16 | element, at + 8
            if item == _SEQUENCE_END:
                return at
            if item != _ITEM:
                raise _no_element(at - 8, f"{_named(item)} in place of an item of {_named(tag)}")
            if length == _UNDEFINED:
                at = self._after_item_elements(at, implicit, depth)
            elif length > self._end - at:
                raise _cut(tag, length, self._end - at)
            else:
                at += length

    def _after_item_elements(self, at: int, implicit: bool, depth: int) -> int:
        while True:
            if at + 8 > self._end:
                raise _cut(None, 8, self._end - at)
            group, element, _length = _TAG_AND_LENGTH.unpack_from(self._content, at)
            if group << 16 | element == _ITEM_END:
                return at + 8
            tag, length, value, nested_implicit = self._element(at, implicit)
            at = self._after(tag, length, value, nested_implicit, depth)


def _named(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _cut(tag: int | None, declared: int, found: int) -> Quarantine:
    attribute = "an element's head" if tag is None else _named(tag)
    return Quarantine("instance-truncated", attribute=attribute, declared=declared, found=found)


def _no_element(at: int, found: str) -> Quarantine:
    return Quarantine("instance-unreadable", found=f"{found} at byte {at}")
