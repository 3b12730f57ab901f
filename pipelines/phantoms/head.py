"""The head phantom as a scanner would send it: sagittal, slightly oblique slices, with its CT known on any grid."""

from __future__ import annotations

import numpy as np
from pydicom import Dataset

from models.anatomy.phantoms import head_ct, head_labels, head_phantom
from models.sequences import InversionRecovery
from models.volumes import Grid, Triple, Volume
from pipelines.phantoms.series import Protocol, mr_series

FIELD_MM = (264.0, 264.0, 192.0)
"""Along a row (front to back), along a column (head to feet), across the slices: the whole head, and the neck cut."""

_CENTRE: Triple = (2.0, -3.0, -18.0)
_TURN_DEGREES = (-4.0, 3.0)
"""About the patient's x and z axes: as heads lie, and so that nothing works by accident of an aligned grid."""


def sagittal_grid(in_plane_mm: float = 1.5, slice_mm: float = 2.0) -> Grid:
    """Return the phantom's field as a sagittal oblique grid, slices from left to right.

    Parameters
    ----------
    in_plane_mm, slice_mm
        Spacing; coarser ones make smaller, faster series of the same field.
    """
    about_x, about_z = np.radians(_TURN_DEGREES)
    turn_x = np.array([[1, 0, 0], [0, np.cos(about_x), -np.sin(about_x)], [0, np.sin(about_x), np.cos(about_x)]])
    turn_z = np.array([[np.cos(about_z), -np.sin(about_z), 0], [np.sin(about_z), np.cos(about_z), 0], [0, 0, 1]])
    axes = (turn_z @ turn_x @ np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]])).T
    spacing = np.array([in_plane_mm, in_plane_mm, slice_mm])
    size = np.maximum(1, np.rint(np.array(FIELD_MM) / spacing)).astype(int)
    origin = np.array(_CENTRE) - ((size - 1) / 2 * spacing) @ axes
    i, j, k = (int(count) for count in size)
    return Grid((i, j, k), _triple(spacing), _triple(origin), (_triple(axes[0]), _triple(axes[1]), _triple(axes[2])))


def head_series(seed: int = 1, grid: Grid | None = None) -> list[Dataset]:
    """Return the head phantom as a T1-weighted MR series (a made MPRAGE, see `Protocol`).

    Parameters
    ----------
    seed
        Chooses noise and small irregularities, and all UIDs: the same seed makes the same bytes.
    grid
        Where to sample it; `sagittal_grid` when None.
    """
    protocol = Protocol()
    sequence = InversionRecovery(tr=protocol.repetition, te=protocol.echo, ti=protocol.inversion)
    return mr_series(head_phantom(grid or sagittal_grid(), seed, sequence).mr, seed, protocol=protocol)


def head_truth(grid: Grid, seed: int = 1) -> Volume:
    """Return the phantom's true CT in HU on `grid`, in the frame of reference of `head_series` of the same seed."""
    return head_ct(head_labels(grid, seed))


def _triple(vector: np.typing.NDArray[np.float64]) -> Triple:
    x, y, z = (float(value) for value in vector)
    return x, y, z
