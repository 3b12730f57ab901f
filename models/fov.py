"""The field that a source covers, seen on another grid: which voxels it saw, what touches its faces, what holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from models.volumes import Array, Grid, Triple

_PATIENT_SIDES = (("right", "left"), ("anterior", "posterior"), ("inferior", "superior"))
"""Names of the sides that -x, +x, -y, +y, -z, +z point to in LPS."""


@dataclass(frozen=True, slots=True)
class Face:
    """One of the six faces of a grid's field.

    Attributes
    ----------
    axis, upper
        Which axis of the source grid, and whether it is the face at its end.
    side
        The side of the patient that its outward normal points to most.
    """

    axis: int
    upper: bool
    side: str


def faces(source: Grid) -> tuple[Face, ...]:
    """Return the six faces of the field of `source`, each with the patient's side that it looks to."""
    found = []
    for axis, direction in enumerate(source.direction):
        main = int(np.abs(direction).argmax())
        positive = direction[main] > 0
        for upper in (False, True):
            found.append(Face(axis, upper, _PATIENT_SIDES[main][int(positive == upper)]))
    return tuple(found)


def fov_corners(grid: Grid) -> npt.NDArray[np.float64]:
    """Return the eight corners of a grid's field, voxel edges not centres: array (8, 3) in LPS mm."""
    edges = np.array(list(product(*((-0.5, count - 0.5) for count in grid.size))))
    corners: npt.NDArray[np.float64] = edges @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return corners


def axial_grid(source: Grid, voxel_mm: Triple) -> Grid:
    """Return the smallest grid of identity direction that covers the field of `source`, centred on it.

    Parameters
    ----------
    source
        Any orientation.
    voxel_mm
        Spacing along x, y, z, mm.
    """
    corners = fov_corners(source)
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = [max(1, int(np.ceil((high[a] - low[a]) / voxel_mm[a] - 1e-3))) for a in range(3)]
    x, y, z = (float((low[a] + high[a]) / 2 - (size[a] - 1) / 2 * voxel_mm[a]) for a in range(3))
    return Grid((size[0], size[1], size[2]), voxel_mm, (x, y, z))


def inside_fov(source: Grid, target: Grid) -> npt.NDArray[np.bool_]:
    """Return which voxel centres of `target` lie in the field of `source` (its voxels' outer edges included).

    Returns
    -------
    Boolean array of ``target.shape``.
    """
    inside = np.ones(target.shape, dtype=bool)
    for axis in range(3):
        low, high = _span(source, axis)
        index = _index_along(source, target, axis)
        inside &= index >= low
        inside &= index <= high
    return inside


def contact_areas(source: Grid, target: Grid, mask: Array) -> Mapping[Face, float]:
    """Return for each face of the field of `source` how much of it `mask` touches, cm².

    A voxel of `mask` (on `target`) touches a face when it lies within one source voxel of it; the area is the volume
    of those voxels divided by that depth.
    """
    voxel_mm3 = float(np.prod(target.spacing))
    areas = {}
    for axis in range(3):
        low, high = _span(source, axis)
        index = _index_along(source, target, axis)
        # Thinner than a target voxel, a layer could fall between voxel centres.
        depth = max(source.spacing[axis], max(target.spacing)) / source.spacing[axis]
        for face in faces(source):
            if face.axis == axis:
                near = index > high - depth if face.upper else index < low + depth
                touching = np.count_nonzero(near & mask) * voxel_mm3
                areas[face] = touching / (depth * source.spacing[axis]) / 100.0
    return areas


def _span(source: Grid, axis: int) -> tuple[float, float]:
    return -0.5 - 1e-6, source.size[axis] - 0.5 + 1e-6


def _index_along(source: Grid, target: Grid, axis: int) -> npt.NDArray[np.float32]:
    """Continuous source index along `axis` of every target voxel: a sum of three ramps, since both are affine."""
    matrix = np.linalg.inv(source.affine) @ target.affine
    offset, steps = matrix[axis, 3], matrix[axis, :3]
    i, j, k = (np.arange(count) * step for count, step in zip(target.size, steps, strict=True))
    plane = (j[:, None] + i[None, :] + offset).astype(np.float32)
    index: npt.NDArray[np.float32] = plane[None, :, :] + k.astype(np.float32)[:, None, None]
    return index
