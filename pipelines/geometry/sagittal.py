"""Axial volumes cut anew into sagittal slices, as radiologists read the spine."""

from __future__ import annotations

import numpy as np

from models.volumes import Grid, Volume

DIRECTION = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
"""LPS axes of a sagittal grid: along a row to posterior, down a column to inferior, over slices from left to right."""


def sagittal(volume: Volume, slices_in_one: int = 1) -> Volume:
    """Return an axial volume as sagittal slices.

    Nothing is interpolated: voxels are put in another order, and neighbours across are averaged into thicker slices,
    which is what a thicker slice of MR measures.

    Parameters
    ----------
    volume
        On an axial grid (directions identity in LPS).
    slices_in_one
        How many voxels across (along x) make one slice. Those at the patient's right that fill none are left out.

    Returns
    -------
    Volume
        On a grid whose axes are `DIRECTION`, so that the first slice is the patient's leftmost.
    """
    grid = volume.grid
    x, y, z = grid.spacing
    columns, rows, planes = grid.size
    count = columns // slices_in_one
    # The k-th slice from the left holds the voxels [last - thickness + 1, last] along x.
    from_left = volume.values[:, :, ::-1][:, :, : count * slices_in_one]
    thick = from_left.reshape(planes, rows, count, slices_in_one).mean(axis=3, dtype=np.float64)
    values = np.ascontiguousarray(thick.transpose(2, 0, 1)[:, ::-1, :], dtype=volume.values.dtype)
    first = (
        grid.origin[0] + (columns - 1 - (slices_in_one - 1) / 2) * x,
        grid.origin[1],
        grid.origin[2] + (planes - 1) * z,
    )
    return Volume(values, Grid((rows, planes, count), (y, z, x * slices_in_one), first, DIRECTION))
