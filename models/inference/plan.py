"""Where tiles lie: only over the body, in a fixed order, and never closer around it than a tile.

The plan is ragged. Along k, tiles span the body's extent; over each slab of tiles, rows of tiles span the extent along
j of what the slab holds; in each row, tiles span the extent along i of what the row holds. A tile with nothing but air
is left out. Tiles thus lie on the body as patches did in training: a network with instance normalisation that sees
little but air makes tissue of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

Voxels = tuple[int, int, int]
Mask = npt.NDArray[np.bool_]

_MARGIN_CELLS = 2


@dataclass(frozen=True, slots=True)
class TilePlan:
    """Which tiles of a field are computed. All triples are along k, j, i.

    Attributes
    ----------
    field
        Shape of the field, voxels, as padded to hold at least one tile of the card's size.
    tile
        Shape of a tile, voxels.
    trained_tile
        Shape of a tile in training, as the card has it; larger than `tile` where memory was short.
    overlap
        Least share of a tile that its neighbour covers too.
    starts
        First voxel of each computed tile, in the order of computing.
    skipped
        Number of tiles within the body's extents that hold nothing but air and were not computed.
    whole
        Number of tiles that cover the field with its air, at the same overlap.
    batch
        Number of tiles that the network is given at once.
    """

    field: Voxels
    tile: Voxels
    trained_tile: Voxels
    overlap: float
    starts: tuple[Voxels, ...]
    skipped: int
    whole: int
    batch: int

    @property
    def computed(self) -> int:
        """Number of tiles that are computed."""
        return len(self.starts)

    @property
    def box(self) -> tuple[slice, slice, slice] | None:
        """The smallest box that holds all computed tiles; None without any."""
        if not self.starts:
            return None
        low = [min(start[axis] for start in self.starts) for axis in range(3)]
        high = [max(start[axis] for start in self.starts) + self.tile[axis] for axis in range(3)]
        return slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])

    def place(self, start: Voxels) -> tuple[slice, slice, slice]:
        """Return where the tile that begins at `start` lies in an array of `box`."""
        assert self.box is not None
        k, j, i = (
            slice(a - part.start, a - part.start + n) for a, part, n in zip(start, self.box, self.tile, strict=True)
        )
        return k, j, i


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a network is tiled: the shape of a tile, that of training, the overlap, and the tiles given at once."""

    tile: Voxels
    trained_tile: Voxels
    overlap: float
    batch: int


def plan_tiles(body: Mask, cell: int, field: Voxels, tiling: Tiling) -> TilePlan:
    """Return the tiles that cover `body`.

    Parameters
    ----------
    body
        True for cells of the field that hold body: see `models.inference.body.body_cells`.
    cell
        Side of a cell, voxels; the last cell of an axis may reach beyond the field.
    field
        Shape (k, j, i) of the field in voxels, nowhere less than a tile.

    Notes
    -----
    Each voxel of a body cell lies in a computed tile. So do those up to two cells around it, where that takes no more
    tiles: a margin is never worth a row of tiles.
    """
    starts: list[Voxels] = []
    skipped = 0
    for k in _spread(_any(body, 1, 2), cell, field[0], tiling.tile[0], tiling.overlap):
        in_slab = _within(k, tiling.tile[0], cell)
        slab = _any(body[in_slab], 0)
        for j in _spread(_any(slab, 1), cell, field[1], tiling.tile[1], tiling.overlap):
            in_row = _within(j, tiling.tile[1], cell)
            for i in _spread(_any(slab[in_row], 0), cell, field[2], tiling.tile[2], tiling.overlap):
                if body[in_slab, in_row, _within(i, tiling.tile[2], cell)].any():
                    starts.append((k, j, i))
                else:
                    skipped += 1
    whole = int(np.prod([len(tile_starts(n, t, tiling.overlap)) for n, t in zip(field, tiling.tile, strict=True)]))
    return TilePlan(
        field, tiling.tile, tiling.trained_tile, tiling.overlap, tuple(starts), skipped, whole, tiling.batch
    )


def tile_starts(length: int, tile: int, overlap: float) -> list[int]:
    """Return the first index of each tile along an axis, evenly spread, each sharing `overlap` of it with the next.

    `length` must be at least `tile`; the first tile starts at 0 and the last ends at `length`.
    """
    gaps = _gaps(length, tile, overlap)
    return [at * (length - tile) // gaps for at in range(gaps + 1)] if gaps else [0]


def _spread(present: Mask, cell: int, length: int, tile: int, overlap: float) -> Iterator[int]:
    """Yield the starts of tiles over the extent of the cells that are `present`, spread as far as is of use."""
    cells = np.flatnonzero(present)
    if cells.size == 0:
        return
    low, high = int(cells[0]) * cell, min(length, (int(cells[-1]) + 1) * cell)
    gaps = _gaps(high - low, tile, overlap)
    room = tile + gaps * _step(tile, overlap) - (high - low)
    margin = room // 2 if gaps == 0 else min(_MARGIN_CELLS * cell, room // 2)
    span = max(tile, high - low + 2 * margin)
    low = min(max(0, low - margin), length - span) if span < length else 0
    for start in tile_starts(min(span, length), tile, overlap):
        yield low + start


def _step(tile: int, overlap: float) -> int:
    return max(1, int(tile * (1 - overlap)))


def _gaps(length: int, tile: int, overlap: float) -> int:
    """Return how many tiles besides the first cover `length`."""
    return ceil(max(0, length - tile) / _step(tile, overlap))


def _any(mask: Mask, *axes: int) -> Mask:
    found: Mask = np.any(mask, axis=axes)
    return found


def _within(start: int, tile: int, cell: int) -> slice:
    """Return the cells that a tile touches along an axis."""
    return slice(start // cell, ceil((start + tile) / cell))
