"""A stack of slices that lean, as a tilted gantry makes them, resampled to an upright grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.volumes import Grid, Volume

_EDGE = 0.5 + 1e-6
"""Of a voxel: its outer edge, with room for rounding."""


@dataclass(frozen=True, slots=True)
class Leaning:
    """Slices that lean as they were acquired.

    Attributes
    ----------
    grid
        Upright, as if no slice leaned, with the first slice where it lies.
    lean
        How far slice k lies off its place in `grid`, per step along k: mm along i, then along j.
    """

    grid: Grid
    lean: tuple[float, float]

    def inside(self, target: Grid) -> npt.NDArray[np.bool_]:
        """Return which voxel centres of `target` lie in the slices' field: what padding fills in, nobody acquired.

        Returns
        -------
        Boolean array of ``target.shape``.
        """
        upright = np.eye(4)
        upright[:2, 2] = [-mm / spacing for mm, spacing in zip(self.lean, self.grid.spacing[:2], strict=True)]
        matrix = upright @ np.linalg.inv(self.grid.affine) @ target.affine
        inside = np.ones(target.shape, dtype=bool)
        for axis, count in enumerate(self.grid.size):
            i, j, k = (np.arange(size) * step for size, step in zip(target.size, matrix[axis, :3], strict=True))
            index = k[:, None, None] + (j[:, None] + i[None, :] + matrix[axis, 3])[None]
            inside &= (index >= -_EDGE) & (index <= count - 1 + _EDGE)
        return inside


def straighten(values: npt.NDArray[np.float32], grid: Grid, lean: tuple[float, float], outside: float) -> Volume:
    """Return slices that lean as an upright volume; slices stay where they are, and move within their planes only.

    Parameters
    ----------
    values
        Array (k, j, i): the slices as they were acquired.
    grid
        Upright, as if no slice leaned, with the first slice where it lies.
    lean
        How far slice k lies off its place in `grid`, per step along k: mm along i, then along j.
    outside
        Value where nothing was acquired.

    Returns
    -------
    The volume on a grid that is wider by what the whole stack leans, with linear interpolation within each plane.
    """
    steps = grid.size[2] - 1
    low, high = [0, 0], [0, 0]
    per_step = [mm / spacing for mm, spacing in zip(lean, grid.spacing[:2], strict=True)]
    for axis, pixels in enumerate(per_step):
        total = pixels * steps
        low[axis], high[axis] = max(0, math.ceil(-total)), max(0, math.ceil(total))
    padded = np.pad(values, ((0, 0), (low[1], high[1]), (low[0], high[0])), constant_values=outside)
    for k, plane in enumerate(padded):
        offset = (k * per_step[1], k * per_step[0])
        padded[k] = ndimage.shift(plane, offset, order=1, mode="constant", cval=outside, prefilter=False)
    origin = grid.affine @ [-low[0], -low[1], 0, 1]
    size = (padded.shape[2], padded.shape[1], padded.shape[0])
    x, y, z = (float(value) for value in origin[:3])
    return Volume(padded, Grid(size, grid.spacing, (x, y, z), grid.direction))
