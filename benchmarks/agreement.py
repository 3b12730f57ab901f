"""How two ways of running one network over one field agree, and whether either lost or invented tissue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from benchmarks.fields import Field, bright
from models.inference import Prediction
from models.inference.body import body_cells

_CELL = 8
_TISSUE_ABOVE_HU = -500.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Differences between the engine's HU and MONAI's.

    Attributes
    ----------
    mean_hu, p999_hu, max_hu
        Absolute differences over the body's voxels. Both blend one network's answers, for tiles that lie elsewhere.
    body_voxels, uncovered_voxels
        Voxels of the body, and those of them that lie in no computed tile.
    tissue_far_ours, tissue_far_monai
        Voxels above -500 HU more than 8 to 16 voxels away from the body, where there is nothing but air.
    """

    mean_hu: float
    p999_hu: float
    max_hu: float
    body_voxels: int
    uncovered_voxels: int
    tissue_far_ours: int
    tissue_far_monai: int


def agreement(field: Field, ours: Prediction, monai: npt.NDArray[np.float32]) -> Agreement:
    """Compare what the engine and MONAI made of `field`."""
    mask = bright(field)
    cells = body_cells(torch.from_numpy(mask), _CELL)
    body = mask & _voxels(cells, mask.shape)
    far = ~_voxels(ndimage.binary_dilation(cells, np.ones((3, 3, 3)), iterations=2), mask.shape)
    hu = ours.synthetic.values
    apart = np.abs(hu[body] - monai[body])
    covered = np.zeros(ours.plan.field, bool)
    for start in ours.plan.starts:
        k, j, i = (slice(a, a + n) for a, n in zip(start, ours.plan.tile, strict=True))
        covered[k, j, i] = True
    before = [(padded - length) // 2 for padded, length in zip(covered.shape, mask.shape, strict=True)]
    k, j, i = (slice(low, low + length) for low, length in zip(before, mask.shape, strict=True))
    return Agreement(
        round(float(apart.mean()), 2),
        round(float(np.quantile(apart, 0.999)), 1),
        round(float(apart.max()), 1),
        int(body.sum()),
        int((body & ~covered[k, j, i]).sum()),
        int((hu[far] > _TISSUE_ABOVE_HU).sum()),
        int((monai[far] > _TISSUE_ABOVE_HU).sum()),
    )


def _voxels(cells: npt.NDArray[np.bool_], shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    k, j, i = shape
    return cells.repeat(_CELL, 0).repeat(_CELL, 1).repeat(_CELL, 2)[:k, :j, :i]
