"""A sampled volume and the grid that places it in patient space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """A regular sampling of patient space, in ITK's convention.

    Attributes
    ----------
    size
        Number of voxels along the axes i, j, k. Arrays on this grid are indexed ``[k, j, i]``.
    spacing
        Millimetres between voxel centres along i, j, k; all positive.
    origin
        Centre of voxel (0, 0, 0), in millimetres, LPS (DICOM's patient frame: +x left, +y posterior, +z superior).
    direction
        Unit vectors of the axes i, j, k in LPS, one per entry.
    """

    size: tuple[int, int, int]
    spacing: Triple
    origin: Triple
    direction: tuple[Triple, Triple, Triple] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"a grid needs at least one voxel along each axis, got size {self.size}")
        if not all(np.isfinite(self.spacing)) or min(self.spacing) <= 0:
            raise ValueError(f"spacing must be positive and finite, got {self.spacing}")
        if not all(np.isfinite(self.origin)):
            raise ValueError(f"origin must be finite, got {self.origin}")
        axes = np.asarray(self.direction, dtype=float)
        if not np.allclose(axes @ axes.T, np.eye(3), atol=1e-4):
            raise ValueError(f"direction must be three orthogonal unit vectors, got {np.round(axes, 4).tolist()}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (k, j, i) of an array on this grid."""
        return self.size[2], self.size[1], self.size[0]

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """The 4x4 matrix from voxel index (i, j, k, 1) to LPS millimetres."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.direction, dtype=float).T * np.asarray(self.spacing, dtype=float)
        matrix[:3, 3] = self.origin
        return matrix


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """Values on a grid.

    Attributes
    ----------
    values
        Array of shape ``grid.shape``, indexed ``[k, j, i]``.
    grid
        Where the values stand.
    """

    values: Array
    grid: Grid

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"values have shape {self.values.shape}, the grid {self.grid.shape} (k, j, i)")
