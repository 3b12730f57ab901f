"""Whether an object holds one image or many, and whether they can be read."""

from __future__ import annotations

from pydicom.uid import UID

from pipelines.headers.functional_groups import ENHANCED
from pipelines.headers.header import Header

_MULTI_FRAME_CLASSES = ("Enhanced", "Legacy Converted Enhanced", "Multi-frame")


def is_multi_frame(header: Header) -> bool:
    """Return whether the object is multi-frame, by its SOP class or its NumberOfFrames (PS3.3 C.7.6.6)."""
    frames = header.number("NumberOfFrames")
    kind = UID(header.text("SOPClassUID"))
    return (frames is not None and frames > 1) or kind.name.startswith(_MULTI_FRAME_CLASSES)


def has_readable_frames(header: Header) -> bool:
    """Return whether each frame's place and values can be read: of a classic image, and of enhanced CT and MR."""
    return UID(header.text("SOPClassUID")) in ENHANCED or not is_multi_frame(header)


def describe_frames(header: Header) -> str:
    """Return e.g. ``Enhanced MR Image Storage, 192 frames``."""
    frames = header.number("NumberOfFrames")
    return f"{UID(header.text('SOPClassUID')).name}, {frames or 1:g} frames"
