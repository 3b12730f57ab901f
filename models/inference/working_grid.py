"""Between the grid on which a person's image lies and the axial one on which a model works."""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy import ndimage

from models.inference.resampling import field_of, resample
from models.volumes import Grid, Triple, Volume


def axial_grid(source: Grid, voxel_mm: Triple) -> Grid:
    """Return the smallest grid of identity direction that covers the field of `source`, centred on it.

    Parameters
    ----------
    source
        Any orientation.
    voxel_mm
        Spacing along x, y, z, mm.
    """
    edges = np.array(list(product(*((-0.5, count - 0.5) for count in source.size))))
    corners = edges @ source.affine[:3, :3].T + source.affine[:3, 3]
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = [max(1, int(np.ceil((high[a] - low[a]) / voxel_mm[a] - 1e-3))) for a in range(3)]
    x, y, z = (float((low[a] + high[a]) / 2 - (size[a] - 1) / 2 * voxel_mm[a]) for a in range(3))
    return Grid((size[0], size[1], size[2]), voxel_mm, (x, y, z))


def values_on(volume: Volume, grid: Grid, outside: float) -> Volume:
    """Return continuous values on `grid`, and `outside` where there are none."""
    found, inside = resample(volume, grid)
    return Volume(np.where(inside, found.values, np.float32(outside)), grid)


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
