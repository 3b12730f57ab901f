from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.objects.contours import Contour, trace

Bools = npt.NDArray[np.bool_]


def even_odd(contours: list[Contour], shape: tuple[int, int, int]) -> Bools:
    """Fill by PS3.3 C.8.8.6.3: a voxel centre is inside when a ray from it crosses an odd number of edges."""
    crossings = np.zeros((shape[0], shape[1], shape[2] + 1), dtype=int)
    for contour in contours:
        after = np.roll(contour.points, -1, axis=0)
        for (x, y), (_, y_after) in zip(contour.points, after, strict=True):
            crossings[contour.k, min(y, y_after) : max(y, y_after), x] += 1
    return (np.cumsum(crossings, axis=2) % 2 == 1)[:, :, :-1]


def winding(contours: list[Contour], shape: tuple[int, int, int]) -> Bools:
    """Fill by winding number, as some readers do instead."""
    turns = np.zeros((shape[0], shape[1], shape[2] + 1), dtype=int)
    for contour in contours:
        after = np.roll(contour.points, -1, axis=0)
        for (x, y), (_, y_after) in zip(contour.points, after, strict=True):
            turns[contour.k, min(y, y_after) : max(y, y_after), x] += np.sign(y_after - y)
    return (np.cumsum(turns, axis=2) != 0)[:, :, :-1]


MASKS = arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14)))


@pytest.mark.hazard("HAZ-21")
@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_filled_contours_are_the_mask_again(mask: Bools) -> None:
    contours = list(trace(mask))
    assert np.array_equal(even_odd(contours, mask.shape), mask)
    assert np.array_equal(winding(contours, mask.shape), mask)


@given(MASKS)
@settings(max_examples=60, deadline=None)
def test_contours_are_closed_paths_along_voxel_edges(mask: Bools) -> None:
    for contour in trace(mask):
        step = np.roll(contour.points, -1, axis=0) - contour.points
        assert len(contour.points) >= 4
        assert ((step == 0).sum(axis=1) == 1).all(), "every edge runs along one axis and has a length"
        assert contour.points.min() >= 0
        assert (contour.points <= [mask.shape[2], mask.shape[1]]).all()


def test_a_solid_has_no_collinear_points() -> None:
    mask = np.zeros((1, 20, 30), dtype=bool)
    mask[0, 3:17, 5:25] = True
    mask[0, 8:12, 25:28] = True
    (contour,) = trace(mask)
    assert len(contour.points) == 8


@pytest.mark.hazard("HAZ-21")
def test_a_ring_becomes_one_keyhole_polygon() -> None:
    mask = np.zeros((1, 20, 20), dtype=bool)
    mask[0, 2:18, 2:18] = True
    mask[0, 6:14, 6:14] = False
    (contour,) = trace(mask)
    after = np.roll(contour.points, -1, axis=0)
    area = abs(int(np.sum(contour.points[:, 0] * after[:, 1] - after[:, 0] * contour.points[:, 1]))) / 2
    assert area == mask.sum()


@pytest.mark.hazard("HAZ-21")
def test_without_keyholes_outlines_and_holes_combine_by_exclusive_or() -> None:
    mask = np.random.default_rng(2).random((3, 30, 30)) > 0.4
    contours = list(trace(mask, keyholes=False))
    assert any(contour.hole for contour in contours)
    assert np.array_equal(even_odd(contours, mask.shape), mask)


def test_holes_that_hang_on_holes_and_islands_in_holes() -> None:
    mask = np.ones((1, 40, 40), dtype=bool)
    mask[0, 5:30, 5:10] = False
    mask[0, 7:9, 14:18] = False
    mask[0, 12:20, 14:30] = False
    mask[0, 15:17, 20:24] = True
    contours = list(trace(mask))
    assert len(contours) == 2
    assert np.array_equal(even_odd(contours, mask.shape), mask)


def test_many_holes_are_joined_without_recursion() -> None:
    mask = np.ones((1, 3, 4001), dtype=bool)
    mask[0, 1, 1::2] = False
    (contour,) = trace(mask)
    assert np.array_equal(even_odd([contour], mask.shape), mask)


def test_corner_neighbours_belong_to_two_contours() -> None:
    mask = np.array([[[1, 0], [0, 1]]], dtype=bool)
    assert len(list(trace(mask))) == 2


def test_an_empty_mask_has_no_contour() -> None:
    assert list(trace(np.zeros((2, 5, 5), dtype=bool))) == []


def test_oblique_hole_survives_at_a_planning_size() -> None:
    y, x = np.mgrid[:256, :256]
    body = (x - 128) ** 2 / 110**2 + (y - 128) ** 2 / 90**2 < 1
    tilted = ((x - 120) + (y - 130)) ** 2 / 60**2 + ((x - 120) - (y - 130)) ** 2 / 12**2 < 1
    mask = (body & ~tilted)[None]
    assert np.array_equal(even_odd(list(trace(mask)), mask.shape), mask)
