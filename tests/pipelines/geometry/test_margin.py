from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.volumes import Grid, Volume
from pipelines.geometry.margin import air_margin, pad


@pytest.mark.hazard("HAZ-03")
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.3, 5), st.floats(0, 40), st.booleans())
def test_a_margin_is_wide_enough_and_no_voxel_moves(
    columns: int, rows: int, spacing: float, margin_mm: float, square: bool
) -> None:
    grid = Grid((columns, rows, 2), (spacing, spacing, 2.0), (-13.25, 7.5, 3.0))
    values = np.arange(np.prod(grid.shape), dtype=np.float32).reshape(grid.shape)
    margin = air_margin(grid, margin_mm, square)
    padded = pad(Volume(values, grid), margin, -1000.0)
    if square:
        assert padded.grid.size[0] == padded.grid.size[1]
    assert min(*margin.x, *margin.y) * spacing >= margin_mm - 1e-5
    back = padded.values[:, margin.y[0] : margin.y[0] + rows, margin.x[0] : margin.x[0] + columns]
    assert np.array_equal(back, values)
    assert np.count_nonzero(padded.values != -1000.0) == values.size
    for axis, before in ((0, margin.x[0]), (1, margin.y[0])):
        assert padded.grid.origin[axis] + before * spacing == pytest.approx(grid.origin[axis], abs=1e-5)
    assert padded.grid.origin[2] == grid.origin[2]


def test_without_margin_and_square_nothing_changes() -> None:
    grid = Grid((4, 6, 2), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0))
    assert pad(Volume(np.zeros(grid.shape, dtype=np.float32), grid), air_margin(grid, 0.0, False), 0.0).grid == grid
