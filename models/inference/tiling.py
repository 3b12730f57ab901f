"""Overlapping tiles over a volume, in a fixed order, and the weights with which they are merged."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil

import torch
from torch import Tensor

_SPECKS = 0.002
_MARGIN = 6


def tile_starts(length: int, tile: int) -> list[int]:
    """Return the first index of each tile along an axis: evenly spread, at most half a tile apart.

    `length` must be at least `tile`; the first tile starts at 0 and the last ends at `length`.
    """
    gaps = ceil((length - tile) / (tile // 2))
    return [round(step * (length - tile) / gaps) for step in range(gaps + 1)] if gaps else [0]


def tissue_box(image: Tensor, level: float, tile: int) -> tuple[slice, slice, slice] | None:
    """Return the box around what is brighter than `level`, at least `tile` long along each axis; None if nothing is.

    Tiles then lie on the body as patches did in training: a network with instance normalisation that sees little but
    air makes tissue of it. A plane counts when more than 0.2 % of it is bright, so that specks of noise do not.

    Parameters
    ----------
    image
        At least `tile` long along each axis.
    """
    bright = (image > level).float()
    box = []
    for axis in range(3):
        share = bright.mean(dim=[other for other in range(3) if other != axis])
        planes = torch.nonzero(share > _SPECKS).flatten()
        if len(planes) == 0:
            return None
        low, high = int(planes[0]) - _MARGIN, int(planes[-1]) + 1 + _MARGIN
        missing = max(0, tile - (high - low))
        low = min(max(0, low - missing // 2), image.shape[axis] - tile)
        box.append(slice(low, min(max(high, low + tile), image.shape[axis])))
    return box[0], box[1], box[2]


def tiles(shape: tuple[int, int, int], tile: int) -> list[tuple[slice, slice, slice]]:
    """Return the tiles that cover an array of `shape`, in rising order of k, j, i."""
    starts = [tile_starts(length, tile) for length in shape]
    return [(slice(k, k + tile), slice(j, j + tile), slice(i, i + tile)) for k, j, i in product(*starts)]


@lru_cache(maxsize=4)
def importance(tile: int) -> Tensor:
    """Return the (tile, tile, tile) weights of a tile's voxels: a Gaussian, largest in the middle, never 0.

    The middle is trusted most because the network sees least around a tile's border (Isensee et al. 2021).
    """
    at = torch.arange(tile, dtype=torch.float64) - (tile - 1) / 2
    line = torch.exp(-0.5 * (at / (tile / 6)) ** 2)
    cube = line[:, None, None] * line[None, :, None] * line[None, None, :]
    return cube.clamp_min(1e-4).float()
