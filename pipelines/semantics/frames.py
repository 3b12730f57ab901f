"""Multi-frame images: where their frames stand, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import ParametricMapStorage

from pipelines.semantics.geometry import ROUNDED_STEP_MM, STEP_TOLERANCE_MM, normal_of
from pipelines.semantics.rules import MULTI_FRAME, Finding, Needs, Rule, Subject, finding, numbers, uid_of

_IN_PLANE_TOLERANCE = 0.1
"""Of a pixel: how far a corner may lie from its image's. Scanners write cosines to three decimals, which costs more
than rounding; a frame that is shifted by half a pixel is found."""


def _even(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        if subject.is_own(dataset) or _stands_shared(dataset):
            yield from _even_frames(dataset, of_house=subject.is_own(dataset))


def _stands_shared(dataset: Dataset) -> bool:
    """Return whether one plane's orientation and measures hold for all frames; others may state them frame by frame."""
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
    measures = (shared.get("PixelMeasuresSequence") or [Dataset()])[0]
    return "PlaneOrientationSequence" in shared and "SpacingBetweenSlices" in measures


def _even_frames(dataset: Dataset, *, of_house: bool) -> Iterator[Finding]:
    frames = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != dataset.get("NumberOfFrames") or not frames:
        yield finding("object-frames-counted", dataset, found=len(frames), accepted=str(dataset.get("NumberOfFrames")))
        return
    shared = dataset.SharedFunctionalGroupsSequence[0]
    measures = shared.PixelMeasuresSequence[0]
    step = float(measures.SpacingBetweenSlices)
    spacing = numbers(measures, "PixelSpacing")
    normal = normal_of(numbers(shared.PlaneOrientationSequence[0], "ImageOrientationPatient"), of_house=of_house)
    if normal is None or len(spacing) != 2 or not min(*spacing, step) > 0:
        yield finding("object-geometry-uneven", dataset, attribute="SharedFunctionalGroupsSequence")
        return
    positions = np.array([numbers(frame.PlanePositionSequence[0], "ImagePositionPatient") for frame in frames])
    heights = positions @ normal
    drift = np.linalg.norm(positions - positions[0] - np.outer(heights - heights[0], normal), axis=1).max()
    # A map has every plane once; a segmentation leaves empty planes out, and has a plane once a segment.
    whole = dataset.SOPClassUID == ParametricMapStorage
    tolerance = STEP_TOLERANCE_MM if of_house else ROUNDED_STEP_MM
    for below, above in pairwise(np.sort(heights)):
        expected = step if whole else round((above - below) / step) * step
        if abs(above - below - expected) > tolerance or not drift <= tolerance:
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
        groups = (*dataset.SharedFunctionalGroupsSequence, *dataset.PerFrameFunctionalGroupsSequence)
        for uid in sorted(_named_by(groups) - listed):
            yield finding("object-image-unlisted", dataset, found=uid)


def _placed(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    """Each frame covers the pixels of its image: the one that it names, else one of the result in its plane."""
    known: dict[str, list[Dataset]] = {}
    # Frames of one multi-frame image share its UID.
    for image in (*subject.images, *(image for source in subject.sources for image in source.datasets)):
        known.setdefault(uid_of(image), []).append(image)
    # What names no image a frame, as a map of a synthetic CT, lies on the images of the result where there are any.
    made = np.array([_corners(image, image, image, image) for image in subject.images])
    middles = made.mean(axis=1) if len(made) else made
    for dataset in objects:
        shared = dataset.SharedFunctionalGroupsSequence[0]
        measures = shared.PixelMeasuresSequence[0]
        orientation = shared.PlaneOrientationSequence[0]
        tolerance = _IN_PLANE_TOLERANCE * min(numbers(measures, "PixelSpacing"))
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            corners = _corners(dataset, measures, orientation, frame.PlanePositionSequence[0])
            named = [image for uid in sorted(_named_by((frame,))) for image in known.get(uid, ())]
            others = [_corners(image, image, image, image) for image in named]
            if not named and len(made):
                others = [made[np.linalg.norm(middles - corners.mean(axis=0), axis=1).argmin()]]
            apart = min((_apart(corners, other) for other in others), default=0.0)
            if apart > tolerance:
                yield finding("object-frame-misplaced", dataset, found=f"{apart:.2f}", accepted=f"{tolerance:.2f}")


def _corners(size: Dataset, measures: Dataset, orientation: Dataset, position: Dataset) -> npt.NDArray[np.float64]:
    """Return the centres of the four corner pixels, mm, LPS, as an array (4, 3)."""
    first = np.array(numbers(position, "ImagePositionPatient"))
    cosines = np.array(numbers(orientation, "ImageOrientationPatient"))
    between_rows, between_columns = numbers(measures, "PixelSpacing")
    along, down = cosines[:3] * between_columns * (size.Columns - 1), cosines[3:] * between_rows * (size.Rows - 1)
    return np.array([first, first + along, first + down, first + along + down])


def _apart(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return how far the corners of two frames are apart, mm, in whichever order each is written."""
    distances = np.linalg.norm(one[:, None] - other[None], axis=2)
    return float(max(distances.min(axis=0).max(), distances.min(axis=1).max()))


def _named_by(groups: Iterable[Dataset]) -> set[str]:
    """Return the SOP Instance UIDs that functional groups are derived from."""
    return {
        str(image.get("ReferencedSOPInstanceUID", ""))
        for group in groups
        for item in group.get("DerivationImageSequence") or ()
        for image in item.get("SourceImageSequence") or ()
    }


RULES = (
    Rule("frames-even", "PS3.3 C.7.6.16.2.3, C.7.6.16.2.4: parallel frames on equal steps", _even, MULTI_FRAME),
    Rule(
        "frames-on-images",
        "PS3.3 C.7.6.2, C.7.6.16.2.3, C.7.6.16.2.4: a frame covers the pixels of the image that it belongs to",
        _placed,
        MULTI_FRAME,
        of_house=True,
    ),
    Rule(
        "frames-resolve",
        "PS3.3 C.7.6.16.2.6, C.12.2: what frames refer to is listed and known",
        _resolve,
        MULTI_FRAME,
        needs=Needs.IMAGES,
    ),
)
