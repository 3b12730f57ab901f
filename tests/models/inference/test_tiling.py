"""Tiles cover everything, in a fixed order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.inference.tiling import importance, tile_starts, tiles


@given(tile=st.integers(2, 64).map(lambda n: 2 * n), extra=st.integers(0, 300))
def test_tiles_cover_an_axis_with_at_most_two_thirds_of_a_tile_between_them(tile: int, extra: int) -> None:
    starts = tile_starts(tile + extra, tile)
    assert starts[0] == 0
    assert starts[-1] == extra
    gaps = np.diff(starts)
    assert (gaps > 0).all()
    assert (gaps <= 2 * tile // 3 + 1).all()


def test_every_voxel_is_in_a_tile() -> None:
    seen = np.zeros((20, 33, 16), int)
    places = tiles(seen.shape, 16)
    for place in places:
        assert seen[place].shape == (16, 16, 16)
        seen[place] += 1
    assert seen.min() >= 1
    assert places == sorted(places, key=lambda place: tuple(part.start for part in place))


def test_the_middle_counts_most_and_the_corner_counts() -> None:
    weights = importance(16)
    assert weights.max() == weights[7, 7, 7] == weights[8, 8, 8]
    assert 0 < float(weights[0, 0, 0]) < 0.01
