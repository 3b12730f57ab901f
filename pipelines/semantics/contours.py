"""Contours: countable, on the planes of the images sent, inside them, and the body as one solid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from pipelines.semantics.rules import STRUCTURES, Drawn, Finding, Rule, Subject, drawn_on, finding

PLANE_TOLERANCE_MM = 0.01
"""How far a contour may lie from its image's plane: coordinates of other writers are often rounded to 0.01 mm."""

_LEAST_POINTS = {"CLOSED_PLANAR": 3, "CLOSEDPLANAR_XOR": 3}
_LEAST_POINTS_OF_ANY = {**_LEAST_POINTS, "POINT": 1, "OPEN_PLANAR": 1, "OPEN_NONPLANAR": 1}


def _countable(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        for region in structures.get("ROIContourSequence") or ():
            if subject.is_own(structures) and not region.get("ContourSequence"):
                yield finding("object-roi-empty", structures, roi=str(region.get("ReferencedROINumber", "")))
    for drawn in subject.drawn:
        stated = drawn.item.get("NumberOfContourPoints")
        kind = str(drawn.item.get("ContourGeometricType", ""))
        count = -1 if drawn.points is None else len(drawn.points)
        least = _LEAST_POINTS if subject.is_own(drawn.structures) else _LEAST_POINTS_OF_ANY
        if stated != count or count < least.get(kind, count + 1):
            yield finding(
                "object-contour-points", drawn.structures, roi=drawn.region, found=count, stated=str(stated), kind=kind
            )


def _on_planes(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for drawn in subject.drawn:
        images = drawn.item.get("ContourImageSequence") or ()
        image = subject.image_by_uid.get(drawn_on(drawn.item))
        if len(images) != 1 and subject.is_own(drawn.structures):
            yield finding("object-contour-images", drawn.structures, roi=drawn.region, found=len(images))
        elif image is not None and drawn.points is not None and len(drawn.points):
            off = _off_plane(image, drawn.points)
            if off > PLANE_TOLERANCE_MM:
                yield finding(
                    "object-contour-off-plane",
                    drawn.structures,
                    roi=drawn.region,
                    found=round(off, 4),
                    accepted=PLANE_TOLERANCE_MM,
                )


def _off_plane(image: Dataset, points: npt.NDArray[np.float64]) -> float:
    """Return the greatest distance of points from the plane of an image in mm."""
    rows, columns = np.array([float(value) for value in image.ImageOrientationPatient]).reshape(2, 3)
    position = np.array([float(value) for value in image.ImagePositionPatient])
    return float(np.abs((points - position) @ np.cross(rows, columns)).max())


def _inside(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    if not subject.contoured:
        return
    extents = {uid: _extent(image) for uid, image in subject.image_by_uid.items()}
    for drawn in subject.drawn:
        if drawn.points is None or not len(drawn.points):
            continue
        extent = extents.get(drawn_on(drawn.item))
        if extent is None:
            continue
        low, high = drawn.points[:, :2].min(axis=0), drawn.points[:, :2].max(axis=0)
        beyond = float(max((extent[0] - low).max(), (high - extent[1]).max()))
        if beyond > PLANE_TOLERANCE_MM:
            yield finding("object-contour-outside", drawn.structures, roi=drawn.region, found=round(beyond, 4))


def _extent(image: Dataset) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the lowest and highest x and y that the pixels of an axial image cover, their outer edges included, mm."""
    cosines = np.array([float(value) for value in image.ImageOrientationPatient]).reshape(2, 3)
    rows, columns = (float(value) for value in image.PixelSpacing)
    position = np.array([float(value) for value in image.ImagePositionPatient])
    corners = [
        position + cosines[0] * columns * across + cosines[1] * rows * down
        for across in (-0.5, image.Columns - 0.5)
        for down in (-0.5, image.Rows - 0.5)
    ]
    flat = np.array(corners)[:, :2]
    return flat.min(axis=0), flat.max(axis=0)


def _solid(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        external = {
            str(item.get("ReferencedROINumber", ""))
            for item in structures.get("RTROIObservationsSequence") or ()
            if item.get("RTROIInterpretedType") == "EXTERNAL"
        }
        for drawn in subject.drawn:
            if drawn.structures is structures and drawn.region in external and _has_hole(drawn):
                yield finding("object-external-hollow", structures, roi=drawn.region)


def _has_hole(drawn: Drawn) -> bool:
    """Return whether a contour meets itself, as a keyhole or a pinched outline does, or is to be combined."""
    if drawn.points is None or drawn.item.get("ContourGeometricType") == "CLOSEDPLANAR_XOR":
        return True
    return len(np.unique(drawn.points, axis=0)) < len(drawn.points)


def _one_external(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        kinds = [
            str(item.get("RTROIInterpretedType", "")) for item in structures.get("RTROIObservationsSequence") or ()
        ]
        if kinds.count("EXTERNAL") != 1 and (subject.is_own(structures) or "EXTERNAL" in kinds):
            yield finding("object-external-count", structures, found=kinds.count("EXTERNAL"), accepted=1)


RULES = (
    Rule(
        "contours-countable",
        "PS3.3 C.8.8.6.1, C.8.8.6.3: closed, at least three points, counted",
        _countable,
        STRUCTURES,
    ),
    Rule("contours-on-planes", "PS3.3 C.8.8.6.2: a contour lies in the plane of its image", _on_planes, STRUCTURES),
    Rule("contours-inside", "PS3.3 C.8.8.6: contours lie in the image that they were drawn on", _inside, STRUCTURES),
    Rule(
        "external-solid",
        "planning systems take the patient's outline as one solid",
        _solid,
        STRUCTURES,
        overridable=True,
        of_house=True,
    ),
    Rule(
        "one-external",
        "PS3.3 C.8.8.8.1: EXTERNAL is the patient's outline",
        _one_external,
        STRUCTURES,
        overridable=True,
    ),
)
