"""Heads whose MR and CT were taken in two positions, both known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from models.anatomy.parametric.head import tissue_at
from models.anatomy.phantoms import head_phantom
from models.tissues import PROPERTIES, Tissue
from models.volumes import Grid, Volume

MR_GRID = Grid((54, 64, 58), (4.0, 4.0, 4.0), (-106.0, -126.0, -134.0))
CT_GRID = Grid((64, 72, 66), (4.0, 4.0, 4.0), (-126.0, -142.0, -142.0))
CENTRE, SHIFT = np.array([0.0, 10.0, 0.0]), np.array([12.0, -9.0, 15.0])
TURN = Rotation.from_euler("xyz", [8.0, -5.0, 10.0], degrees=True).as_matrix()


@dataclass(frozen=True)
class TwoPositions:
    """A head in the MR's position and in the CT's.

    Attributes
    ----------
    landmarks
        Points on bone and skin, in the MR's position and in the CT's, each (n, 3) in mm.
    """

    mr: Volume
    ct: Volume
    truth: Volume
    landmarks: tuple[np.ndarray, np.ndarray]


def nodded(points: np.ndarray, mm: float) -> np.ndarray:
    """Bring points of the CT's anatomy back to the MR's: the neck bends forwards, by `mm` 80 mm below the skull."""
    below = np.clip(-20.0 - points[:, 2], 0.0, None)
    back = points.copy()
    back[:, 1] += mm * (below / 80.0) ** 2
    return back


def positions(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.shape).reshape(3, -1)
    return (np.stack([i, j, k, np.ones_like(i)], axis=-1) @ grid.affine.T)[:, :3]


@cache
def taken_twice(bend_mm: float, scale: float = 1.0) -> TwoPositions:
    """Return a head taken twice: turned, shifted, its neck bent by `bend_mm`, and scaled as nobody's head is."""
    phantom = head_phantom(MR_GRID, seed=3, noise=0.015)
    at = positions(CT_GRID)
    in_mr = nodded(((at - CENTRE - SHIFT) @ TURN) / scale + CENTRE, bend_mm)
    labels = tissue_at(in_mr, 3).reshape(CT_GRID.shape)
    hu = np.array([PROPERTIES[tissue].hu for tissue in Tissue], np.float32)[labels]
    edges = np.linalg.norm(np.array(np.gradient(hu)), axis=0).ravel() > 300
    inner = edges & (np.abs(in_mr) < [90.0, 110.0, 110.0]).all(axis=1)
    chosen = np.flatnonzero(inner)[:: max(1, int(inner.sum() / 2000))]
    return TwoPositions(phantom.mr, Volume(hu, CT_GRID), phantom.ct, (in_mr[chosen], at[chosen]))
