"""Frames of reference, even geometry, posture and pixel values of images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from pydicom import Dataset
from pydicom.uid import CTImageStorage

from pipelines.geometry.posture import Posture, posture
from pipelines.objects.ct import HU_RANGE, SLICES_BELOW
from pipelines.semantics.rules import Finding, Rule, Subject, finding

STEP_TOLERANCE_MM = 1e-4
"""How far a slice step or a sideways drift may be off: a thousandth of what a planning system tells apart."""

_SHARED = ("Rows", "Columns", "PixelSpacing", "ImageOrientationPatient", "SliceThickness")


def _frames(subject: Subject) -> Iterator[Finding]:
    expected = str(subject.source.header.FrameOfReferenceUID)
    for dataset in subject.objects:
        for attribute, found in _named_frames(dataset):
            if found != expected:
                yield finding("object-frame-differs", dataset, attribute=attribute, found=found, accepted=expected)


def _named_frames(dataset: Dataset) -> Iterator[tuple[str, str]]:
    yield "FrameOfReferenceUID", str(dataset.get("FrameOfReferenceUID", ""))
    for item in dataset.get("ReferencedFrameOfReferenceSequence") or ():
        yield "ReferencedFrameOfReferenceSequence", str(item.get("FrameOfReferenceUID", ""))
    for item in dataset.get("StructureSetROISequence") or ():
        yield "StructureSetROISequence", str(item.get("ReferencedFrameOfReferenceUID", ""))


def _even(subject: Subject) -> Iterator[Finding]:
    for images in subject.series.values():
        yield from _even_series(images)


def _even_series(images: Sequence[Dataset]) -> Iterator[Finding]:
    first = images[0]
    if len(images) >= SLICES_BELOW:
        yield finding("object-too-many-slices", first, found=len(images), accepted=SLICES_BELOW - 1)
    for image in images:
        for keyword in _SHARED:
            if image.get(keyword) != first.get(keyword):
                yield finding("object-geometry-uneven", image, attribute=keyword)
    if _numbers(first, "ImageOrientationPatient") not in [posture.value for posture in Posture]:
        yield finding("object-geometry-oblique", first, found=str(first.get("ImageOrientationPatient")))
    spacing = _numbers(first, "PixelSpacing")
    if len(spacing) != 2 or spacing[0] != spacing[1] or not spacing[0] > 0:
        yield finding("object-pixels-not-square", first, found=str(first.get("PixelSpacing")))
    yield from _even_steps(images)


def _even_steps(images: Sequence[Dataset]) -> Iterator[Finding]:
    placed = [(_numbers(image, "ImagePositionPatient"), image) for image in images]
    for position, image in placed:
        if len(position) != 3 or not all(math.isfinite(value) for value in position):
            yield finding("object-geometry-uneven", image, attribute="ImagePositionPatient")
            return
    placed.sort(key=lambda pair: pair[0][2])
    thickness = float(images[0].get("SliceThickness") or 0)
    for (below, _), (above, image) in pairwise(placed):
        drift = math.hypot(above[0] - below[0], above[1] - below[1])
        if abs(above[2] - below[2] - thickness) > STEP_TOLERANCE_MM or drift > STEP_TOLERANCE_MM:
            yield finding(
                "object-geometry-step",
                image,
                found=f"{above[2] - below[2]:.4f}",
                sideways=f"{drift:.4f}",
                accepted=f"{thickness:.4f}",
            )


def _posture(subject: Subject) -> Iterator[Finding]:
    expected = str(subject.source.header.get("PatientPosition", ""))
    for image in subject.images:
        stated = str(image.get("PatientPosition", ""))
        if stated != expected:
            yield finding("object-posture-differs", image, found=stated, accepted=expected)
        elif _numbers(image, "ImageOrientationPatient") != posture(stated).value:
            yield finding(
                "object-posture-differs", image, found=str(image.get("ImageOrientationPatient")), accepted=stated
            )


def _pixels(subject: Subject) -> Iterator[Finding]:
    for image in subject.images:
        expected = int(image.get("Rows", 0)) * int(image.get("Columns", 0)) * int(image.get("BitsAllocated", 0)) // 8
        found = len(image.get("PixelData", b""))
        if found not in (expected, expected + expected % 2) or not expected:
            yield finding("object-pixel-length", image, found=found, accepted=expected)


def _declared(subject: Subject) -> Iterator[Finding]:
    for image in subject.images:
        stored = image.get("BitsStored")
        for keyword, accepted in (
            ("SamplesPerPixel", (1,)),
            ("PhotometricInterpretation", ("MONOCHROME2",)),
            ("BitsAllocated", (16,)),
            ("HighBit", (stored - 1,) if isinstance(stored, int) else ()),
            ("PixelRepresentation", (0, 1)),
        ):
            if image.get(keyword) not in accepted:
                yield finding("object-pixel-declaration", image, attribute=keyword, found=str(image.get(keyword)))


def _values(subject: Subject) -> Iterator[Finding]:
    for image in subject.images:
        if image.get("SOPClassUID") != CTImageStorage or image.get("BitsAllocated") != 16:
            continue
        signed = image.get("PixelRepresentation") == 1
        stored = np.frombuffer(image.get("PixelData", b""), dtype="<i2" if signed else "<u2")
        if not stored.size:
            continue
        bits = int(image.get("BitsStored", 16)) - int(signed)
        lowest, highest = int(stored.min()), int(stored.max())
        if highest >= 2**bits or lowest < (-(2**bits) if signed else 0):
            yield finding("object-values-beyond-bits", image, found=f"{lowest} to {highest}", accepted=bits)
        slope, intercept = float(image.get("RescaleSlope") or 0), float(image.get("RescaleIntercept") or 0)
        low, high = sorted((lowest * slope + intercept, highest * slope + intercept))
        if image.get("RescaleType") != "HU" or slope != 1 or low < HU_RANGE[0] or high > HU_RANGE[1]:
            yield finding(
                "object-values-beyond-range",
                image,
                found=f"{low:g} to {high:g} {image.get('RescaleType', '')}",
                accepted=f"{HU_RANGE[0]} to {HU_RANGE[1]} HU",
            )


def _numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    value = dataset.get(keyword)
    if value is None or isinstance(value, str):
        return ()
    return tuple(float(one) for one in value)


RULES = (
    Rule("frame-of-reference", "PS3.3 C.7.4.1: all objects stand in the source's frame", _frames),
    Rule("geometry-even", "PS3.3 C.7.6.2: axial planes, square pixels, equal steps", _even),
    Rule("posture-agrees", "PS3.3 C.7.3.1.1.2: position and orientation of the patient", _posture),
    Rule("pixels-complete", "PS3.3 C.7.6.3: pixel data has rows x columns values", _pixels),
    Rule("pixels-declared", "PS3.3 C.7.6.3, C.8.2.1: grey, sixteen bits allocated, the highest bit on top", _declared),
    Rule("pixel-range", "PS3.3 C.8.2.1, C.11.1: values as declared, in HU", _values, overridable=True),
)
