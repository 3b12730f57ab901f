"""The three planes of an axial volume, as a reader of images expects to see them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.volumes import Array, Grid

_MARGIN = 1.16
"""Side of the picture over the largest extent of the body: letters and captions stand beside it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One plane through an axial volume.

    Attributes
    ----------
    name
        ``axial``, ``coronal`` or ``sagittal``.
    axis
        Array axis that it lies across: 0 for k, 1 for j, 2 for i.
    index
        Which slice along that axis.
    position_mm
        Where that is in LPS.
    letters
        The patient's side at the left, right, top and bottom of the picture.
    """

    name: str
    axis: int
    index: int
    position_mm: float
    letters: tuple[str, str, str, str]

    def of(self, values: Array) -> Array:
        """Return the plane of an array [k, j, i], upright: rows downwards, the patient's right at the left."""
        plane: Array = np.take(values, self.index, axis=self.axis)
        # Superior is up in coronal and sagittal pictures, and k grows towards superior.
        return plane if self.axis == 0 else plane[::-1]

    def pixel_mm(self, grid: Grid) -> tuple[float, float]:
        """Return the width and height of a pixel of the plane, mm."""
        x, y, z = grid.spacing
        return ((x, y), (x, z), (y, z))[self.axis]


@dataclass(frozen=True, slots=True)
class View:
    """Three planes and the square of patient space that all their pictures show.

    Attributes
    ----------
    cuts
        Axial, coronal, sagittal.
    centre
        Voxel (k, j, i) in the middle of every picture.
    side_mm
        Width and height of every picture.
    """

    cuts: tuple[Cut, Cut, Cut]
    centre: tuple[int, int, int]
    side_mm: float

    def centre_in(self, cut: Cut, grid: Grid) -> tuple[float, float]:
        """Return where the middle of the picture is in the plane of a cut, as a share of its width and height."""
        k, j, i = ((index + 0.5) / count for index, count in zip(self.centre, grid.shape, strict=True))
        return ((i, j), (i, 1 - k), (j, 1 - k))[cut.axis]


def view_of(body: npt.NDArray[np.bool_], grid: Grid) -> View:
    """Return the planes through the middle of a body on an axial grid, and the square that holds it with a margin."""
    spans = [_span(body, axis) for axis in range(3)]
    k, j, i = ((first + last) // 2 for first, last in spans)
    x, y, z = grid.origin
    steps = reversed(grid.spacing)
    extent = max((last - first + 1) * step for (first, last), step in zip(spans, steps, strict=True))
    cuts = (
        Cut("axial", 0, k, z + k * grid.spacing[2], ("R", "L", "A", "P")),
        Cut("coronal", 1, j, y + j * grid.spacing[1], ("R", "L", "S", "I")),
        Cut("sagittal", 2, i, x + i * grid.spacing[0], ("A", "P", "S", "I")),
    )
    return View(cuts, (k, j, i), extent * _MARGIN)


def _span(body: npt.NDArray[np.bool_], axis: int) -> tuple[int, int]:
    others = tuple(other for other in range(3) if other != axis)
    touched = np.flatnonzero(body.any(axis=others))
    return (int(touched[0]), int(touched[-1])) if len(touched) else (0, body.shape[axis] - 1)
