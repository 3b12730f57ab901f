"""Where in a field the body is, roughly: enough to know where tiles must lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional

_SURE_SHARE = 0.3
"""A cell holds body when more of its voxels are bright. At a signal to noise ratio of 20, 6 % of air's voxels are."""

_EDGE_SHARE = 0.15
"""Beside a cell that holds body one holds its edge when more of its voxels are bright."""

_LARGEST_CELL = 4


def cell_side(tile: tuple[int, int, int]) -> int:
    """Return the side of a cell in voxels: a twentieth of the tile, 2 to 4 (6 mm where a voxel has 1.5 mm)."""
    return max(2, min(_LARGEST_CELL, min(tile) // 20))


def body_cells(bright: Tensor, cell: int) -> npt.NDArray[np.bool_]:
    """Return which cells of a field hold body; noise, whose bright voxels are scattered, is none.

    Parameters
    ----------
    bright
        (k, j, i), True where an image is brighter than its noise.
    cell
        Side of a cell in voxels; the last cell of an axis may be cut.
    """
    share = functional.avg_pool3d(
        bright.float()[None, None], cell, stride=cell, ceil_mode=True, count_include_pad=False
    )
    sure = share > _SURE_SHARE
    beside = functional.max_pool3d(sure.float(), 3, stride=1, padding=1) > 0
    cells: npt.NDArray[np.bool_] = (sure | (beside & (share > _EDGE_SHARE)))[0, 0].cpu().numpy()
    return cells
