"""Frames of reference, even geometry and posture of single-frame images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from pipelines.geometry.posture import posture
from pipelines.objects.ct import SLICES_BELOW
from pipelines.semantics.rules import (
    CT,
    SINGLE_FRAME,
    WITHOUT_FRAME,
    Finding,
    Rule,
    Subject,
    by_series,
    finding,
    numbers,
)

STEP_TOLERANCE_MM = 1e-4
"""How far a slice step or a sideways drift may be off: a thousandth of what a planning system tells apart."""

ROUNDED_STEP_MM = 0.02
"""The same for other writers, who often round positions to 0.01 mm."""

_COSINE_TOLERANCE = 1e-6
"""Cosines are written to eight decimals."""

_ROUNDED_COSINES = 1e-3
"""Other writers round cosines to four decimals, some to three."""

_SHARED_BY_PLANES = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
_SHARED = (*_SHARED_BY_PLANES, "SliceThickness")


def normal_of(orientation: Sequence[float], *, of_house: bool = True) -> npt.NDArray[np.float64] | None:
    """Return the normal of planes of this ImageOrientationPatient; None where it is not two orthogonal unit vectors."""
    if len(orientation) != 6:
        return None
    rows, columns = np.array(orientation[:3]), np.array(orientation[3:])
    lengths = (rows @ rows, columns @ columns, 1.0 + rows @ columns)
    tolerance = _COSINE_TOLERANCE if of_house else _ROUNDED_COSINES
    if not all(abs(length - 1.0) <= tolerance for length in lengths):
        return None
    return np.cross(rows, columns)


def _frames(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    expected = str(subject.header.get("FrameOfReferenceUID", ""))
    for dataset in objects:
        if dataset.get("SOPClassUID") in WITHOUT_FRAME:
            continue
        for attribute, found in _named_frames(dataset):
            if found != expected:
                yield finding("object-frame-differs", dataset, attribute=attribute, found=found, accepted=expected)


def _named_frames(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield "FrameOfReferenceUID", str(dataset.get("FrameOfReferenceUID", ""))
    for item in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        yield "ReferencedFrameOfReferenceSequence", str(item.get("FrameOfReferenceUID", ""))
    for item in dataset.get("StructureSetROISequence") or ():
        yield "StructureSetROISequence", str(item.get("ReferencedFrameOfReferenceUID", ""))


def _even(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for images in by_series(objects).values():
        first = images[0]
        for image in images:
            for keyword in _SHARED if subject.is_own(image) else _SHARED_BY_PLANES:
                if image.get(keyword) != first.get(keyword):
                    yield finding("object-geometry-uneven", image, attribute=keyword)
        spacing = numbers(first, "PixelSpacing")
        if len(spacing) != 2 or not min(spacing) > 0:
            yield finding("object-geometry-uneven", first, attribute="PixelSpacing")
        yield from _even_steps(images, of_house=subject.is_own(first))


def _even_steps(images: Sequence[Dataset], *, of_house: bool) -> Iterator[Finding]:
    normal = normal_of(numbers(images[0], "ImageOrientationPatient"), of_house=of_house)
    if normal is None:
        yield finding("object-geometry-uneven", images[0], attribute="ImageOrientationPatient")
        return
    placed = []
    for image in images:
        position = np.array(numbers(image, "ImagePositionPatient"))
        if position.shape != (3,) or not np.isfinite(position).all():
            yield finding("object-geometry-uneven", image, attribute="ImagePositionPatient")
            return
        placed.append((float(position @ normal), position, image))
    placed.sort(key=lambda one: one[0])
    steps = [above - below for (below, *_), (above, *_) in pairwise(placed)]
    # The standard lets slices lie apart or overlap; this house writes them side by side.
    thickness = float(images[0].get("SliceThickness") or 0) if of_house else float(np.median(steps or [0.0]))
    tolerance = STEP_TOLERANCE_MM if of_house else ROUNDED_STEP_MM
    for (below, from_here, _), (above, to_here, image) in pairwise(placed):
        drift = float(np.linalg.norm(to_here - from_here - (above - below) * normal))
        if abs(above - below - thickness) > tolerance or drift > tolerance:
            yield finding(
                "object-geometry-step",
                image,
                found=f"{above - below:.4f}",
                sideways=f"{drift:.4f}",
                accepted=f"{thickness:.4f}",
            )


def _axial(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for images in by_series(objects).values():
        first = images[0]
        if len(images) >= SLICES_BELOW:
            yield finding("object-too-many-slices", first, found=len(images), accepted=SLICES_BELOW - 1)
        spacing = numbers(first, "PixelSpacing")
        if len(spacing) != 2 or spacing[0] != spacing[1]:
            yield finding("object-pixels-not-square", first, found=str(first.get("PixelSpacing")))
        for image in images:
            orientation = numbers(image, "ImageOrientationPatient")
            if orientation != posture(str(image.get("PatientPosition", ""))).value:
                yield finding("object-geometry-oblique", image, found=str(image.get("ImageOrientationPatient")))


def _posture(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    expected = str(subject.header.get("PatientPosition", ""))
    for image in objects:
        stated = str(image.get("PatientPosition", ""))
        if stated != expected:
            yield finding("object-posture-differs", image, found=stated, accepted=expected)


RULES = (
    Rule("frame-of-reference", "PS3.3 C.7.4.1: all objects stand in the source's frame", _frames),
    Rule("geometry-even", "PS3.3 C.7.6.2: parallel planes of one size, equal steps", _even, SINGLE_FRAME),
    Rule(
        "planes-axial",
        "planning systems: axial planes, square pixels, fewer than 400 slices",
        _axial,
        CT,
        of_house=True,
    ),
    Rule("posture-agrees", "PS3.3 C.7.3.1.1.2: position of the patient", _posture, SINGLE_FRAME),
)
