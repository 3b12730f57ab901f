"""Tiles cover everything, in a fixed order."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.inference.tiling import importance, tile_starts, tiles, tissue_box


@given(tile=st.integers(2, 64).map(lambda n: 2 * n), extra=st.integers(0, 300))
def test_tiles_cover_an_axis_with_at_most_half_a_tile_between_them(tile: int, extra: int) -> None:
    starts = tile_starts(tile + extra, tile)
    assert starts[0] == 0
    assert starts[-1] == extra
    gaps = np.diff(starts)
    assert (gaps > 0).all()
    assert (gaps <= tile // 2 + 1).all()


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


@given(low=st.tuples(*[st.integers(0, 30)] * 3), size=st.tuples(*[st.integers(4, 10)] * 3))
def test_the_box_holds_the_tissue_and_a_tile(low: tuple[int, int, int], size: tuple[int, int, int]) -> None:
    image = torch.zeros(40, 41, 42)
    image[tuple(slice(a, a + n) for a, n in zip(low, size, strict=True))] = 1.0
    image[39, 0, 0] = 1.0  # a speck
    box = tissue_box(image, 0.5, 16)
    assert box is not None
    for part, start, length, whole in zip(box, low, size, image.shape, strict=True):
        assert 0 <= part.start <= start
        assert min(start + length, whole) <= part.stop <= whole
        assert 16 <= part.stop - part.start <= max(16, length + 12)


def test_nothing_bright_has_no_box() -> None:
    assert tissue_box(torch.zeros(20, 20, 20), 0.5, 16) is None
