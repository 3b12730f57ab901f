"""Ready facts: what conditions may name besides DICOM keywords, by the reading of headers that pipelines use too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from node.rules.types import BOOL, TEXT, Type
from pipelines.headers import Header
from pipelines.headers.body_part import BODY_PARTS, body_part
from pipelines.headers.coverage import is_axial
from pipelines.headers.frames import describe_frames, has_readable_frames, is_multi_frame
from pipelines.headers.origin import is_derived, is_localizer, is_synthetic
from pipelines.headers.phantom import PHANTOM_FROM, is_phantom
from pipelines.headers.weighting import CONTRAST_FROM, WEIGHTINGS, weighting

READY: Mapping[str, Callable[[Header], str | bool | None]] = MappingProxyType(
    {
        "body_part": body_part,
        "has_readable_frames": has_readable_frames,
        "is_axial": is_axial,
        "is_derived": is_derived,
        "is_localizer": is_localizer,
        "is_multi_frame": is_multi_frame,
        "is_phantom": is_phantom,
        "is_synthetic": is_synthetic,
        "weighting": weighting,
    }
)
"""Ready facts by the names that conditions use; None when the header does not say."""

READY_TYPES: Mapping[str, Type] = MappingProxyType(
    {name: TEXT if name in ("body_part", "weighting") else BOOL for name in READY}
)
"""What each ready fact yields."""

READY_VALUES: Mapping[str, frozenset[str]] = MappingProxyType(
    {"body_part": frozenset(BODY_PARTS), "weighting": frozenset(WEIGHTINGS)}
)
"""The values that a ready fact may have, where these are few; a condition on another never holds."""

READ_FROM: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "body_part": ("BodyPartExamined",),
        "has_readable_frames": ("SOPClassUID", "NumberOfFrames"),
        "is_axial": ("ImageOrientationPatient",),
        "is_derived": ("ImageType", "SyntheticData"),
        "is_localizer": ("ImageType", "SeriesDescription", "ProtocolName"),
        "is_multi_frame": ("SOPClassUID", "NumberOfFrames"),
        "is_phantom": PHANTOM_FROM,
        "is_synthetic": ("SyntheticData",),
        "weighting": CONTRAST_FROM,
    }
)
"""The attributes that each ready fact comes from."""


def describe_fact(name: str, header: Header) -> str:
    """Return what a ready fact was read from where its value alone does not say it; empty for others."""
    if name in ("is_multi_frame", "has_readable_frames"):
        return describe_frames(header) if is_multi_frame(header) else ""
    if READY[name](header) is not None:
        return ""
    asked = READ_FROM[name]
    stated = [f"{keyword} {_written(value)}" for keyword in asked if (value := header.written(keyword)) is not None]
    missing = [keyword for keyword in asked if header.written(keyword) is None]
    lacking = f"without {', '.join(missing)}" if missing else ""
    return ", ".join(part for part in (*stated, lacking) if part)


def _written(value: object) -> str:
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)
