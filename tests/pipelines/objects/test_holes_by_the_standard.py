"""Holes judged by a reader written from the standard's words alone, since Debian's plastimatch reads no XOR.

PS3.3 C.8.8.6.3: the region of a CLOSED_PLANAR contour is what it encloses, and several of them on one plane are united;
of CLOSEDPLANAR_XOR contours, a point belongs to the region where an odd number of them enclose it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from derived import DIGEST, GRID, RUN, derived, radius, regions
from pydicom import Dataset, dcmread
from skimage.measure import points_in_poly

from pipelines.objects.encoding import encode
from pipelines.objects.profiles import HoleStyle, PlanningProfile
from pipelines.objects.rtstruct import structure_set

Bools = npt.NDArray[np.bool_]

MADE = derived()
PLANE, ROW, COLUMN = np.indices(GRID.shape)
BODY = radius(GRID) < 1
OBLIQUE = ((COLUMN - 28) + (ROW - 32)) ** 2 / 20**2 + ((COLUMN - 28) - (ROW - 32)) ** 2 / 5**2 + (
    PLANE - 20
) ** 2 / 15**2 < 1
ISLAND = ((COLUMN - 28) ** 2 + (ROW - 32) ** 2) < 4
MASKS = {
    "a ring": BODY & (radius(GRID) > 0.6),
    "an oblique hole": BODY & ~OBLIQUE,
    "an island in a hole": BODY & (~OBLIQUE | ISLAND),
    "speckle": (np.random.default_rng(3).random(GRID.shape) > 0.4) & (PLANE == 20),
    "holes that meet at a corner": BODY & ~((PLANE == 20) & (ROW == COLUMN) & (ROW > 25) & (ROW < 28)),
}


def read_by_the_standard(region: Dataset) -> Bools:
    """Return which voxel centres of GRID belong to the region of an item of ROIContourSequence."""
    centres = np.stack([COLUMN[0].ravel(), ROW[0].ravel()], axis=1) * GRID.spacing[:2] + GRID.origin[:2]
    enclosing: dict[int, list[Bools]] = defaultdict(list)
    kinds = {item.ContourGeometricType for item in region.ContourSequence}
    for item in region.ContourSequence:
        points = np.array(item.ContourData, dtype=float).reshape(-1, 3)
        plane = round((points[0, 2] - GRID.origin[2]) / GRID.spacing[2])
        enclosing[plane].append(points_in_poly(centres, points[:, :2]).reshape(GRID.shape[1:]))
    found = np.zeros(GRID.shape, dtype=bool)
    for plane, inside in enclosing.items():
        odd = np.sum(inside, axis=0) % 2 == 1
        found[plane] = odd if kinds == {"CLOSEDPLANAR_XOR"} else np.any(inside, axis=0)
    return found


@pytest.mark.hazard("HAZ-21")
@pytest.mark.parametrize("style", HoleStyle)
@pytest.mark.parametrize("name", MASKS)
def test_each_style_gives_every_voxel_back(name: str, style: HoleStyle) -> None:
    run = replace(RUN, profile=PlanningProfile(hole_style=style))
    roi = replace(regions()[1], mask=MASKS[name])
    structures = structure_set((roi,), MADE.images, GRID, MADE.source, run, DIGEST)
    (region,) = dcmread(BytesIO(encode(structures))).ROIContourSequence
    kinds = {item.ContourGeometricType for item in region.ContourSequence}
    assert kinds == {"CLOSEDPLANAR_XOR" if style is HoleStyle.XOR else "CLOSED_PLANAR"}
    assert np.array_equal(read_by_the_standard(region), MASKS[name])


def test_the_reader_sees_a_hole_that_is_united_instead() -> None:
    run = replace(RUN, profile=PlanningProfile(hole_style=HoleStyle.XOR))
    roi = replace(regions()[1], mask=MASKS["a ring"])
    structures = structure_set((roi,), MADE.images, GRID, MADE.source, run, DIGEST)
    (region,) = dcmread(BytesIO(encode(structures))).ROIContourSequence
    for item in region.ContourSequence:
        item.ContourGeometricType = "CLOSED_PLANAR"
    assert not np.array_equal(read_by_the_standard(region), MASKS["a ring"])
