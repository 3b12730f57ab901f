"""Where in a field the body is, roughly: enough to know where tiles must lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor
from torch.nn import functional

_BRIGHT_SHARE = 0.2
"""A cell holds body when more of its voxels are bright. At a signal to noise ratio of 20, 6 % of air's voxels are."""

_LARGEST_CELL = 8


def cell_side(tile: tuple[int, int, int]) -> int:
    """Return the side of a cell in voxels: a tenth of the tile, at most 8 (12 mm where a voxel has 1.5 mm)."""
    return max(2, min(_LARGEST_CELL, min(tile) // 10))


def body_cells(bright: Tensor, cell: int) -> npt.NDArray[np.bool_]:
    """Return which cells of a field hold body.

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
    cells: npt.NDArray[np.bool_] = (share[0, 0] > _BRIGHT_SHARE).cpu().numpy()
    return cells
