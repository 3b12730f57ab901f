"""Pixels: as many as declared, in the form of their SOP class, with values that mean what the object says."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
from pydicom import Dataset

from pipelines.objects.codes import HOUNSFIELD_UNIT
from pipelines.objects.ct import HU_RANGE
from pipelines.objects.mr import LARGEST_STORED
from pipelines.semantics.rules import (
    CAPTURES,
    CT,
    MAPS,
    MR,
    MULTI_FRAME,
    SEGMENTATIONS,
    SINGLE_FRAME,
    Finding,
    Needs,
    Rule,
    Subject,
    finding,
)

_GREY = ("MONOCHROME1", "MONOCHROME2")
_NEVER_ACQUIRED = ("RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "MagneticFieldStrength")


def _complete(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        values = int(image.get("Rows", 0)) * int(image.get("Columns", 0)) * int(image.get("NumberOfFrames", 1))
        values *= int(image.get("SamplesPerPixel", 1))
        expected = math.ceil(values * int(image.get("BitsAllocated", 0)) / 8)
        found = len(image.get("PixelData", b""))
        if found not in (expected, expected + expected % 2) or not expected:
            yield finding("object-pixel-length", image, found=found, accepted=expected)


def _declared(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        stored = image.get("BitsStored")
        accepted = {
            "SamplesPerPixel": (1,),
            "PhotometricInterpretation": ("MONOCHROME2",) if subject.is_own(image) else _GREY,
            "BitsAllocated": (16,),
            "HighBit": (stored - 1,) if isinstance(stored, int) else (),
            "PixelRepresentation": (0, 1),
        }
        yield from _breaches(image, image, accepted)


def _breaches(image: Dataset, holder: Dataset, accepted: Mapping[str, tuple[object, ...]]) -> Iterator[Finding]:
    for keyword, values in accepted.items():
        if holder.get(keyword) not in values:
            yield finding("object-pixel-declaration", image, attribute=keyword, found=str(holder.get(keyword)))


def _hounsfield(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        of_house = subject.is_own(image)
        if image.get("BitsAllocated") != 16:
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
        if not of_house:
            continue  # scanners may store other units, steeper slopes and values beyond any tissue
        if image.get("RescaleType") != "HU" or slope != 1 or low < HU_RANGE[0] or high > HU_RANGE[1]:
            yield finding(
                "object-values-beyond-range",
                image,
                found=f"{low:g} to {high:g} {image.get('RescaleType', '')}",
                accepted=f"{HU_RANGE[0]} to {HU_RANGE[1]} HU",
            )


def _signal(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        for keyword in ("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"):
            if keyword in image:
                yield finding("object-pixel-declaration", image, attribute=keyword, found=str(image.get(keyword)))
        if image.get("PixelRepresentation") != 0:
            yield finding("object-pixel-declaration", image, attribute="PixelRepresentation", found="signed")
        (mapping,) = image.RealWorldValueMappingSequence
        whole = {
            "RealWorldValueFirstValueMapped": (0,),
            "RealWorldValueLastValueMapped": (LARGEST_STORED,),
            "RealWorldValueIntercept": (0.0,),
        }
        yield from _breaches(image, mapping, whole)
        slope = float(mapping.get("RealWorldValueSlope") or 0)
        # One slope for the whole series, and a power of two: stored values times it are exact.
        first = objects[0].RealWorldValueMappingSequence[0].get("RealWorldValueSlope")
        if math.frexp(slope)[0] != 0.5 or slope != first:
            yield finding("object-pixel-declaration", image, attribute="RealWorldValueSlope", found=str(slope))


def _never_acquired(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        if image.get("ScanningSequence") != "RM":
            found = str(image.get("ScanningSequence", ""))
            yield finding("object-acquisition-claimed", image, attribute="ScanningSequence", found=found)
        for keyword in _NEVER_ACQUIRED:
            if image.get(keyword) not in (None, ""):
                yield finding("object-acquisition-claimed", image, attribute=keyword, found=str(image.get(keyword)))


def _mapped(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        yield from _breaches(image, image, {"BitsAllocated": (16,), "BitsStored": (16,), "PixelRepresentation": (0,)})
        (mapping,) = image.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
        unit = str(mapping.MeasurementUnitsCodeSequence[0].get("CodeValue", ""))
        if unit != HOUNSFIELD_UNIT.value:
            yield finding("object-pixel-declaration", image, attribute="MeasurementUnitsCodeSequence", found=unit)
        # Zero stands for no value: a mapping that begins with it would let it be read as certainty.
        yield from _breaches(
            image, mapping, {"RealWorldValueFirstValueMapped": (1,), "RealWorldValueIntercept": (0.0,)}
        )
        slope = float(mapping.get("RealWorldValueSlope") or 0)
        highest = int(np.frombuffer(image.PixelData, dtype="<u2").max())
        if not slope > 0 or highest > int(mapping.RealWorldValueLastValueMapped):
            yield finding("object-pixel-declaration", image, attribute="RealWorldValueSlope", found=str(slope))


def _segments(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for image in objects:
        yield from _breaches(image, image, {"SegmentationType": ("BINARY",), "BitsAllocated": (1,), "HighBit": (0,)})
        listed = [item.get("SegmentNumber") for item in image.SegmentSequence]
        drawn = {
            frame.SegmentIdentificationSequence[0].get("ReferencedSegmentNumber")
            for frame in image.PerFrameFunctionalGroupsSequence
        }
        if listed != list(range(1, len(listed) + 1)) or drawn != set(listed):
            yield finding(
                "object-roi-unmatched", image, attribute="SegmentSequence", found=len(drawn), accepted=len(listed)
            )


RULES = (
    Rule(
        "pixels-complete",
        "PS3.3 C.7.6.3: pixel data has rows x columns x frames x samples values",
        _complete,
        SINGLE_FRAME | MULTI_FRAME | CAPTURES,
        needs=Needs.PIXELS,
    ),
    Rule(
        "pixels-declared",
        "PS3.3 C.7.6.3, C.8.2.1, C.8.3.1: grey, sixteen bits allocated, the highest bit on top",
        _declared,
        SINGLE_FRAME,
    ),
    Rule(
        "pixel-range",
        "PS3.3 C.8.2.1, C.11.1: values as declared, in HU",
        _hounsfield,
        CT,
        overridable=True,
        needs=Needs.PIXELS,
    ),
    Rule(
        "signal-unscaled",
        "PS3.3 A.4.3, C.7.6.1: an MR image's values are the stored ones, and one mapping leads to the network's signal",
        _signal,
        MR,
        of_house=True,
    ),
    Rule(
        "acquisition-unclaimed",
        "PS3.3 C.8.3.1: a synthetic MR has no times of a sequence",
        _never_acquired,
        MR,
        of_house=True,
    ),
    Rule(
        "values-mapped", "PS3.3 C.7.6.16.2.11: stored values stand for HU, and 0 for none", _mapped, MAPS, of_house=True
    ),
    Rule(
        "segments-declared",
        "PS3.3 C.8.20.2: binary masks, each segment with frames",
        _segments,
        SEGMENTATIONS,
        of_house=True,
    ),
)
