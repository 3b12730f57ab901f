"""Whether an object holds one image or many."""

from __future__ import annotations

from pydicom.uid import UID

from pipelines.headers.header import Header

_MULTI_FRAME_CLASSES = ("Enhanced", "Legacy Converted Enhanced", "Multi-frame")


def is_multi_frame(header: Header) -> bool:
    """Return whether the object is multi-frame, by its SOP class or its NumberOfFrames (PS3.3 C.7.6.6)."""
    frames = header.number("NumberOfFrames")
    kind = UID(header.text("SOPClassUID"))
    return (frames is not None and frames > 1) or kind.name.startswith(_MULTI_FRAME_CLASSES)


def describe_frames(header: Header) -> str:
    """Return e.g. ``Enhanced MR Image Storage, 192 frames``."""
    frames = header.number("NumberOfFrames")
    return f"{UID(header.text('SOPClassUID')).name}, {frames or 1:g} frames"
