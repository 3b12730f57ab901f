"""Multi-frame images: where their frames stand, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from pydicom import Dataset
from pydicom.uid import ParametricMapStorage

from pipelines.semantics.geometry import STEP_TOLERANCE_MM, normal_of
from pipelines.semantics.rules import MULTI_FRAME, Finding, Rule, Subject, finding, numbers


def _even(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        yield from _even_frames(dataset)


def _even_frames(dataset: Dataset) -> Iterator[Finding]:
    frames = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != dataset.get("NumberOfFrames") or not frames:
        yield finding("object-frames-counted", dataset, found=len(frames), accepted=str(dataset.get("NumberOfFrames")))
        return
    shared = dataset.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    step = float(measures.SpacingBetweenSlices)
    spacing = numbers(measures, "PixelSpacing")
    normal = normal_of(numbers(shared.PlaneOrientationSequence[0], "ImageOrientationPatient"))
    if normal is None or len(spacing) != 2 or not min(*spacing, step) > 0:
        yield finding("object-geometry-uneven", dataset, attribute="SharedFunctionalGroupsSequence")
        return
    positions = np.array([numbers(frame.PlanePositionSequence[0], "ImagePositionPatient") for frame in frames])
    heights = positions @ normal
    drift = np.linalg.norm(positions - positions[0] - np.outer(heights - heights[0], normal), axis=1).max()
    # A map has every plane once; a segmentation leaves empty planes out, and has a plane once a segment.
    whole = dataset.SOPClassUID == ParametricMapStorage
    for below, above in pairwise(np.sort(heights)):
        expected = step if whole else round((above - below) / step) * step
        if abs(above - below - expected) > STEP_TOLERANCE_MM or not drift <= STEP_TOLERANCE_MM:
            yield finding(
                "object-geometry-step",
                dataset,
                found=f"{above - below:.4f}",
                sideways=f"{drift:.4f}",
                accepted=f"{expected:.4f}",
            )


def _resolve(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    known = subject.source_uids | subject.image_by_uid.keys()
    for dataset in objects:
        listed = {
            str(item.get("ReferencedSOPInstanceUID", ""))
            for series in dataset.get("ReferencedSeriesSequence") or ()
            for item in series.get("ReferencedInstanceSequence") or ()
        }
        for uid in sorted(listed - known):
            yield finding("object-reference-dangling", dataset, found=uid)
        for uid in sorted(_named_by_frames(dataset) - listed):
            yield finding("object-image-unlisted", dataset, found=uid)


def _named_by_frames(dataset: Dataset) -> set[str]:
    groups = (*dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence)
    return {
        str(image.get("ReferencedSOPInstanceUID", ""))
        for group in groups
        for item in group.get("DerivationImageSequence") or ()
        for image in item.get("SourceImageSequence") or ()
    }


RULES = (
    Rule("frames-even", "PS3.3 C.7.6.16.2.3, C.7.6.16.2.4: parallel frames on equal steps", _even, MULTI_FRAME),
    Rule(
        "frames-resolve", "PS3.3 C.7.6.16.2.6, C.12.2: what frames refer to is listed and known", _resolve, MULTI_FRAME
    ),
)
