from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipelines.objects.contours import trace
from pipelines.objects.solids import solid


@pytest.mark.hazard("HAZ-21")
@given(arrays(np.bool_, st.tuples(st.just(1), st.integers(1, 12), st.integers(1, 12))))
@settings(max_examples=150, deadline=None)
def test_outlines_of_a_solid_never_meet_themselves_and_nothing_is_taken_away(mask: np.ndarray) -> None:
    filled = solid(mask)
    assert not (mask & ~filled).any()
    for contour in trace(filled, keyholes=False):
        assert not contour.hole
        assert len(np.unique(contour.points, axis=0)) == len(contour.points)


def test_an_inlet_that_one_corner_closes_is_filled() -> None:
    mask = np.ones((1, 6, 6), dtype=bool)
    mask[0, 2:4, 2:4] = False
    mask[0, 1, 1] = mask[0, 0, 0] = False
    assert solid(mask)[0, 2:4, 2:4].all()


def test_what_needs_no_change_stays() -> None:
    mask = np.zeros((2, 8, 8), dtype=bool)
    mask[1, 2:5, 3:7] = True
    assert np.array_equal(solid(mask), mask)
