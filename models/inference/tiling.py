"""Overlapping tiles over a volume, in a fixed order, and the weights with which they are merged."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil

import torch
from torch import Tensor


def tile_starts(length: int, tile: int) -> list[int]:
    """Return the first index of each tile along an axis: evenly spread, at most two thirds of a tile apart.

    On a whole head, tiles half a tile apart are two to three times as many, and time goes with their number.

    `length` must be at least `tile`; the first tile starts at 0 and the last ends at `length`.
    """
    gaps = ceil((length - tile) / max(1, 2 * tile // 3))
    return [round(step * (length - tile) / gaps) for step in range(gaps + 1)] if gaps else [0]


def tiles(shape: tuple[int, int, int], tile: int) -> list[tuple[slice, slice, slice]]:
    """Return the tiles that cover an array of `shape`, in rising order of k, j, i."""
    starts = [tile_starts(length, tile) for length in shape]
    return [
        (slice(k, k + tile), slice(j, j + tile), slice(i, i + tile)) for k, j, i in product(*starts)
    ]  # fmt: skip


@lru_cache(maxsize=4)
def importance(tile: int) -> Tensor:
    """Return the (tile, tile, tile) weights of a tile's voxels: a Gaussian, largest in the middle, never 0.

    The middle is trusted most because the network sees least around a tile's border (Isensee et al. 2021).
    """
    at = torch.arange(tile, dtype=torch.float64) - (tile - 1) / 2
    line = torch.exp(-0.5 * (at / (tile / 6)) ** 2)
    cube = line[:, None, None] * line[None, :, None] * line[None, None, :]
    return cube.clamp_min(1e-4).float()
