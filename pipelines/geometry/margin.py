"""Air around a volume: room for a mask and a couch, and a square matrix for readers that take no other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.volumes import Grid, Volume

_ORIGIN_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Margin:
    """Voxels to add in the plane: at the lower and the upper end of x, then of y."""

    x: tuple[int, int]
    y: tuple[int, int]


def air_margin(grid: Grid, margin_mm: float, square: bool) -> Margin:
    """Return the margin that gives `grid` at least `margin_mm` on its four sides, and equal rows and columns.

    Slices are not added: a slice of air below a neck would look as if the patient ended there.

    Parameters
    ----------
    grid
        Axial, square pixels.
    margin_mm
        Least width on each side, mm.
    square
        Whether the shorter side gets more, half at each end.
    """
    least = [2 * math.ceil(margin_mm / grid.spacing[axis] - 1e-6) for axis in (0, 1)]
    sides = [grid.size[axis] + least[axis] for axis in (0, 1)]
    wanted = [max(sides)] * 2 if square else sides
    added = [wanted[axis] - grid.size[axis] for axis in (0, 1)]
    x, y = ((count // 2, count - count // 2) for count in added)
    return Margin(x, y)


def pad_grid(grid: Grid, margin: Margin) -> Grid:
    """Return `grid` with `margin`: no voxel moves in space."""
    size = (grid.size[0] + sum(margin.x), grid.size[1] + sum(margin.y), grid.size[2])
    origin = (
        round(grid.origin[0] - margin.x[0] * grid.spacing[0], _ORIGIN_DECIMALS),
        round(grid.origin[1] - margin.y[0] * grid.spacing[1], _ORIGIN_DECIMALS),
        grid.origin[2],
    )
    return Grid(size, grid.spacing, origin, grid.direction)


def pad(volume: Volume, margin: Margin, value: float) -> Volume:
    """Return `volume` with `margin` filled with `value`."""
    return Volume(np.pad(volume.values, _widths(margin), constant_values=value), pad_grid(volume.grid, margin))


def pad_mask(mask: npt.NDArray[np.bool_], margin: Margin) -> npt.NDArray[np.bool_]:
    """Return `mask`, array (k, j, i), with `margin` outside it."""
    return np.pad(mask, _widths(margin), constant_values=False)


def _widths(margin: Margin) -> tuple[tuple[int, int], ...]:
    return ((0, 0), margin.y, margin.x)
