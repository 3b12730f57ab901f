"""Between the grid on which a person's image lies and the axial one on which a model works."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from models.fov import axial_grid
from models.inference.resampling import field_of, resample
from models.volumes import Grid, Volume

__all__ = ["axial_grid", "labels_on", "scales_on", "values_on"]

_MOSTLY = 0.5


def values_on(volume: Volume, grid: Grid, outside: float) -> Volume:
    """Return continuous values on `grid`, and `outside` where there are none."""
    found, inside = resample(volume, grid)
    return Volume(np.where(inside, found.values, np.float32(outside)), grid)


def scales_on(volume: Volume, grid: Grid) -> Volume:
    """Return a map of scales on `grid`: of what is known around a voxel its mean, and NaN where most is not known.

    What is not known never lowers or raises what is beside it.
    """
    known = np.isfinite(volume.values)
    found = values_on(Volume(np.where(known, volume.values, np.float32(0)), volume.grid), grid, 0.0).values
    share = values_on(Volume(known.astype(np.float32), volume.grid), grid, 0.0).values
    said = share >= _MOSTLY
    return Volume(np.where(said, found / np.where(said, share, np.float32(1)), np.float32(np.nan)), grid)


def labels_on(volume: Volume, grid: Grid) -> Volume:
    """Return labels on `grid`, each voxel that of the nearest; 0 where there are none."""
    matrix = np.linalg.inv(volume.grid.affine) @ grid.affine
    # Arrays are indexed (k, j, i), affines (i, j, k).
    turned = matrix[:3, :3][::-1, ::-1]
    # A voxel reaches half its side beyond its centre: the outermost centres are not the field's end.
    found = ndimage.affine_transform(
        volume.values, turned, matrix[:3, 3][::-1], output_shape=grid.shape, order=0, mode="nearest"
    )
    return Volume(np.where(field_of(volume.grid, grid), found, 0).astype(np.float32), grid)
