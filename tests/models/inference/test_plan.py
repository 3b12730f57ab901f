"""Tiles cover the body, in a fixed order, and little else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.inference.plan import TilePlan, Tiling, plan_tiles, tile_starts

CELL = 4


def tiling(tile: int, overlap: float = 0.5) -> Tiling:
    return Tiling((tile,) * 3, (tile,) * 3, overlap, 1)


def times_computed(plan: TilePlan) -> np.ndarray:
    seen = np.zeros(plan.field, int)
    for start in plan.starts:
        place = tuple(slice(a, a + n) for a, n in zip(start, plan.tile, strict=True))
        assert seen[place].shape == plan.tile
        seen[place] += 1
    return seen


@given(tile=st.integers(2, 64).map(lambda n: 2 * n), extra=st.integers(0, 300), overlap=st.sampled_from([0, 0.25, 0.5]))
def test_tiles_cover_an_axis_and_share_the_overlap(tile: int, extra: int, overlap: float) -> None:
    starts = tile_starts(tile + extra, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] == extra
    gaps = np.diff(starts)
    assert (gaps > 0).all()
    assert (gaps <= tile * (1 - overlap)).all()


@settings(max_examples=60, deadline=None)
@given(
    body=arrays(bool, st.tuples(*[st.integers(4, 9)] * 3), elements=st.sampled_from([False] * 9 + [True])),
    cut=st.tuples(*[st.integers(0, CELL - 1)] * 3),
    overlap=st.sampled_from([0.25, 0.5]),
)
def test_every_voxel_of_the_body_is_in_a_tile(body: np.ndarray, cut: tuple[int, int, int], overlap: float) -> None:
    field = tuple(CELL * n - c for n, c in zip(body.shape, cut, strict=True))  # the last cell may be cut
    if min(field) < 16:
        return
    plan = plan_tiles(body, CELL, field, tiling(16, overlap))
    voxels = body.repeat(CELL, 0).repeat(CELL, 1).repeat(CELL, 2)[: field[0], : field[1], : field[2]]
    assert (times_computed(plan)[voxels] >= 1).all()
    assert list(plan.starts) == sorted(set(plan.starts))
    assert plan.computed + plan.skipped <= plan.whole
    assert (plan.computed == 0) == (not body.any())


def test_a_full_field_is_covered_as_by_a_plain_grid_of_tiles() -> None:
    plan = plan_tiles(np.ones((5, 6, 7), bool), CELL, (20, 24, 28), tiling(16))
    assert plan.computed == plan.whole == 2 * 2 * 3
    assert plan.skipped == 0
    assert plan.box == (slice(0, 20), slice(0, 24), slice(0, 28))


def test_rows_are_as_long_as_the_body_in_them() -> None:
    body = np.zeros((12, 12, 12), bool)
    body[:4, 3:9, 2:10] = True  # broad below
    body[4:, 5:7, 5:7] = True  # thin above
    plan = plan_tiles(body, CELL, (48, 48, 48), tiling(16))
    per_slab = {k: sum(start[0] == k for start in plan.starts) for k, _, _ in plan.starts}
    assert plan.computed < plan.whole / 2
    assert per_slab[max(per_slab)] == 1  # a tile holds all that is thin, and lies around its middle
    assert next(start for start in plan.starts if start[0] == max(per_slab))[1:] == (16, 16)


def test_two_bodies_apart_leave_the_air_between_them_out() -> None:
    body = np.zeros((4, 4, 30), bool)
    body[:, :, :2] = body[:, :, -2:] = True
    plan = plan_tiles(body, CELL, (16, 16, 120), tiling(16))
    assert plan.skipped > plan.computed
    assert (times_computed(plan)[:, :, 32:88] == 0).all()


def test_nothing_bright_has_no_tiles() -> None:
    plan = plan_tiles(np.zeros((5, 5, 5), bool), CELL, (20, 20, 20), tiling(16))
    assert (plan.computed, plan.box) == (0, None)
