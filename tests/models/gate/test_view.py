from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.errors import InputError
from models.gate.view import SIDE, STEP_MM, view_of
from models.volumes import Grid, Volume

HeadAt = Callable[..., Volume]


def alike(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first - second).mean())


def test_a_view_hangs_from_the_top_and_is_centred(made_head: Volume) -> None:
    image, seen = view_of(made_head)
    assert image.shape == (SIDE,) * 3
    bright = np.argwhere(image > 0.5)
    k, j, i = bright.max(axis=0)
    low_k, low_j, low_i = bright.min(axis=0)
    assert (SIDE - 1 - k) * STEP_MM == pytest.approx(15, abs=STEP_MM)
    assert (j + low_j) / 2 == pytest.approx((SIDE - 1) / 2, abs=1.5)
    assert (i + low_i) / 2 == pytest.approx((SIDE - 1) / 2, abs=1.5)
    assert set(np.unique(seen)) <= {0.0, 1.0}
    assert low_k <= 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.0, 5.5), (1.6, 5.5, 1.6), (4.0, 4.0, 4.0)])
def test_sampling_hardly_changes_a_view(
    head_at: HeadAt, made_head: Volume, spacing: tuple[float, float, float]
) -> None:
    assert alike(view_of(head_at(spacing)), view_of(made_head)) < 0.05


def test_unit_and_place_of_the_image_do_not_change_a_view(made_head: Volume) -> None:
    moved = Grid(made_head.grid.size, made_head.grid.spacing, (310.0, -95.0, 1040.0))
    other = Volume(made_head.values * np.float32(7), moved)
    assert alike(view_of(other), view_of(made_head)) < 1e-4


def test_order_and_sense_of_the_arrays_axes_do_not_change_a_view(made_head: Volume) -> None:
    i, j, k = made_head.grid.size
    far = (made_head.grid.affine @ [i - 1.0, 0.0, k - 1.0, 1.0])[:3]
    turned = Grid(
        (j, k, i),
        (2.0, 2.0, 2.0),
        (float(far[0]), float(far[1]), float(far[2])),
        ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)),
    )
    # Axes i, j, k of the new array run along +y, -z, -x.
    values = np.ascontiguousarray(made_head.values[::-1, :, ::-1].transpose(2, 0, 1))
    assert alike(view_of(Volume(values, turned)), view_of(made_head)) < 1e-4


def test_a_long_field_below_and_a_cut_neck_leave_the_head_where_it_is(made_head: Volume) -> None:
    cut = Volume(made_head.values[40:], Grid((120, 120, 80), (2.0,) * 3, made_head.grid.origin))
    whole, tight = view_of(made_head)[0], view_of(cut)[0]
    # The vault is the upper 12 cm of both; its scale follows from what is seen, its place must not.
    assert np.corrcoef(whole[-24:].ravel(), tight[-24:].ravel())[0, 1] > 0.97
    assert np.corrcoef(whole[-24:].ravel(), np.roll(tight[-24:], 2, axis=0).ravel())[0, 1] < 0.97


def test_what_was_not_seen_is_marked(made_head: Volume) -> None:
    grid = made_head.grid
    half = Volume(made_head.values[:, :, :60], Grid((60, 120, 120), grid.spacing, grid.origin))
    seen = view_of(half)[1]
    assert 0.3 < seen.mean() < 0.6


def test_an_image_of_nothing_has_no_view(made_head: Volume) -> None:
    with pytest.raises(InputError):
        view_of(Volume(np.zeros_like(made_head.values), made_head.grid))
