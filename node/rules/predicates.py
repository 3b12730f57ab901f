"""Ready facts: what conditions may name besides DICOM keywords, by the reading of headers that pipelines use too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from node.rules.types import BOOL, DOUBLE, TEXT, Type
from pipelines.headers import Header
from pipelines.headers.acquisition import field_strength, has_contrast_agent, manufacturer
from pipelines.headers.body_part import BODY_PARTS, body_part
from pipelines.headers.coverage import PLANES, is_axial, plane
from pipelines.headers.descriptions import DESCRIPTIONS, description_words
from pipelines.headers.frames import describe_frames, has_readable_frames, is_multi_frame
from pipelines.headers.origin import is_derived, is_localizer, is_synthetic
from pipelines.headers.phantom import PHANTOM_FROM, is_phantom
from pipelines.headers.weighting import (
    CONTRAST_FROM,
    SEQUENCE_FROM,
    SEQUENCE_TYPES,
    WEIGHTINGS,
    sequence_type,
    weighting,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A ready fact: what reads it from a header (None where that does not say it), its type, what it is read from."""

    read: Callable[[Header], Any]
    type: Type
    read_from: tuple[str, ...]


_FRAMES = ("SOPClassUID", "NumberOfFrames")

READY: Mapping[str, Fact] = MappingProxyType(
    {
        "body_part": Fact(body_part, TEXT, ("BodyPartExamined",)),
        "description_words": Fact(description_words, Type("list", TEXT), DESCRIPTIONS),
        "field_strength": Fact(field_strength, DOUBLE, ("MagneticFieldStrength",)),
        "has_contrast_agent": Fact(has_contrast_agent, BOOL, ("ContrastBolusAgent",)),
        "has_readable_frames": Fact(has_readable_frames, BOOL, _FRAMES),
        "is_axial": Fact(is_axial, BOOL, ("ImageOrientationPatient",)),
        "is_derived": Fact(is_derived, BOOL, ("ImageType", "SyntheticData")),
        "is_localizer": Fact(is_localizer, BOOL, ("ImageType", *DESCRIPTIONS)),
        "is_multi_frame": Fact(is_multi_frame, BOOL, _FRAMES),
        "is_phantom": Fact(is_phantom, BOOL, PHANTOM_FROM),
        "is_synthetic": Fact(is_synthetic, BOOL, ("SyntheticData",)),
        "manufacturer": Fact(manufacturer, TEXT, ("Manufacturer",)),
        "plane": Fact(plane, TEXT, ("ImageOrientationPatient",)),
        "sequence_type": Fact(sequence_type, TEXT, SEQUENCE_FROM),
        "weighting": Fact(weighting, TEXT, CONTRAST_FROM),
    }
)
"""Ready facts by the names that conditions use."""

READY_VALUES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "body_part": frozenset(BODY_PARTS),
        "plane": frozenset(PLANES),
        "sequence_type": frozenset(SEQUENCE_TYPES),
        "weighting": frozenset(WEIGHTINGS),
    }
)
"""The values that a ready fact may have, where these are few; a condition on another never holds."""


def describe_fact(name: str, header: Header) -> str:
    """Return what a ready fact was read from where its value alone does not say it; empty for others."""
    if name in ("is_multi_frame", "has_readable_frames"):
        return describe_frames(header) if is_multi_frame(header) else ""
    if READY[name].read(header) is not None:
        return ""
    asked = READY[name].read_from
    stated = [f"{keyword} {_written(value)}" for keyword in asked if (value := header.written(keyword)) is not None]
    missing = [keyword for keyword in asked if header.written(keyword) is None]
    lacking = f"without {', '.join(missing)}" if missing else ""
    return ", ".join(part for part in (*stated, lacking) if part)


def _written(value: object) -> str:
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)
