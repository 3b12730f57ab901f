"""The axial grid that a planning system takes, laid over an oblique source in its own frame of reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.fov import axial_grid
from models.volumes import Grid, Triple, Volume

MOST_SLICES = 399
"""Some planning systems refuse series of 400 slices or more."""

_ORIGIN_DECIMALS = 3
"""Origins are multiples of a micrometre, so that every slice position fits DICOM's 16 characters without loss."""


@dataclass(frozen=True, slots=True)
class TargetGrid:
    """Where to compute, and how to thin what was computed before it is written.

    Attributes
    ----------
    grid
        Identity direction (LPS), the model's voxel spacing, covering all of the source's field.
    slice_stride
        Every which slice is written: 1, or more where all slices would be 400 or more.
    """

    grid: Grid
    slice_stride: int


def axial_target(source: Grid, voxel_mm: Triple) -> TargetGrid:
    """Return the smallest axial grid that covers the field of `source`, centred on it.

    Parameters
    ----------
    source
        Any orientation.
    voxel_mm
        Spacing along x, y, z, mm.
    """
    found = axial_grid(source, voxel_mm)
    x, y, z = (round(at, _ORIGIN_DECIMALS) for at in found.origin)
    grid = Grid(found.size, found.spacing, (x, y, z))
    return TargetGrid(grid, slice_stride=-(-grid.size[2] // MOST_SLICES))


def thinned(volume: Volume, slice_stride: int) -> Volume:
    """Return every `slice_stride`-th slice of `volume`, beginning with the first."""
    if slice_stride == 1:
        return volume
    grid = volume.grid
    values = volume.values[::slice_stride]
    spacing = (grid.spacing[0], grid.spacing[1], grid.spacing[2] * slice_stride)
    return Volume(values, Grid((grid.size[0], grid.size[1], len(values)), spacing, grid.origin, grid.direction))


def to_mm(grid: Grid, indices: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the LPS points, array (n, 3) in mm, of voxel indices (i, j, k), array (n, 3)."""
    points: npt.NDArray[np.float64] = indices @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return points


def to_index(grid: Grid, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the continuous voxel indices (i, j, k), array (n, 3), of LPS points in mm, array (n, 3)."""
    inverse = np.linalg.inv(grid.affine)
    indices: npt.NDArray[np.float64] = points @ inverse[:3, :3].T + inverse[:3, 3]
    return indices
