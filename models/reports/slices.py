"""Three planes through one case, kept small: what pictures are made of once it is known which cases are the worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.regions import Mask
from models.volumes import Array, Grid

Plane = npt.NDArray[np.float16]

PLANES = ("axial", "coronal", "sagittal")


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One plane, shown as radiology does: the patient's right at the left, front or head at the top.

    Attributes
    ----------
    plane
        One of `PLANES`.
    source
        The input as shares of its bright end; half precision is exact enough to look at.
    truth, prediction
        HU, or labels.
    scale
        Predicted scale in HU, where there is one.
    body
        Mask.
    row_mm, column_mm
        Size of a pixel downwards and to the right.
    place_mm
        Where the plane cuts its own axis, LPS millimetres.
    """

    plane: str
    source: Plane
    truth: Plane
    prediction: Plane
    scale: Plane | None
    body: Mask
    row_mm: float
    column_mm: float
    place_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The three planes of a case."""

    cuts: tuple[Cut, ...]


def cut(grid: Grid, source: Array, truth: Array, prediction: Array, scale: Array | None, body: Mask) -> Slices:
    """Cut three planes where the mean absolute error in the body is largest along each axis.

    Planes with less than half the body of the fullest one are passed over: a sliver of scalp is no picture. On an
    oblique grid the planes are those nearest to axial, coronal and sagittal.
    """
    axes = _upright(grid)
    bright = float(np.quantile(source[body], 0.995)) or 1.0
    source, truth, prediction, body = (_turned(values, axes) for values in (source / bright, truth, prediction, body))
    scale = None if scale is None else _turned(scale, axes)
    error = np.abs(prediction.astype(np.float32) - truth) * body
    x_mm, y_mm, z_mm = (grid.spacing[one.voxel_axis] for one in axes)
    sizes = {"axial": (y_mm, x_mm), "coronal": (z_mm, x_mm), "sagittal": (z_mm, y_mm)}
    cuts = []
    for axis, plane in enumerate(PLANES):
        others = tuple(other for other in range(3) if other != axis)
        filled = body.sum(axis=others)
        index = int(np.where(filled >= filled.max() / 2, error.sum(axis=others) / np.maximum(filled, 1), -1).argmax())
        # Feet are at the first slice, and a picture begins at its top.
        up = np.s_[:] if plane == "axial" else np.s_[::-1]
        shown = [np.take(values, index, axis)[up] for values in (source, truth, prediction, body)]
        cuts.append(
            Cut(
                plane=plane,
                source=shown[0].astype(np.float16),
                truth=shown[1].astype(np.float16),
                prediction=shown[2].astype(np.float16),
                scale=None if scale is None else np.take(scale, index, axis)[up].astype(np.float16),
                body=shown[3].astype(bool),
                row_mm=sizes[plane][0],
                column_mm=sizes[plane][1],
                place_mm=axes[2 - axis].place(grid, index),
            )
        )
    return Slices(tuple(cuts))


@dataclass(frozen=True, slots=True)
class _Axis:
    """The voxel axis that runs most along a patient axis (`world`), and whether it runs against it."""

    world: int
    voxel_axis: int
    against: bool

    def place(self, grid: Grid, index: int) -> float:
        size = grid.size[self.voxel_axis]
        middle = [(count - 1) / 2 for count in grid.size]
        middle[self.voxel_axis] = size - 1 - index if self.against else index
        return float((grid.affine @ [*middle, 1.0])[self.world])


def _upright(grid: Grid) -> tuple[_Axis, _Axis, _Axis]:
    """Return the voxel axes along x, y and z, each voxel axis once."""
    strength = np.abs(np.asarray(grid.direction))
    found: dict[int, _Axis] = {}
    for _ in range(3):
        voxel, world = (int(one) for one in np.unravel_index(int(strength.argmax()), strength.shape))
        found[world] = _Axis(world, voxel, against=grid.direction[voxel][world] < 0)
        strength[voxel, :] = strength[:, world] = -1.0
    return found[0], found[1], found[2]


def _turned(values: Array, axes: tuple[_Axis, _Axis, _Axis]) -> Array:
    """Return `values` with array axes z, y, x, rising towards head, back and left."""
    turned = values.transpose([2 - one.voxel_axis for one in reversed(axes)])
    return turned[tuple(np.s_[::-1] if one.against else np.s_[:] for one in reversed(axes))]
