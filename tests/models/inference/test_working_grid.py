"""Labels and scales keep their place between grids, to the last voxel of the field."""

from __future__ import annotations

import numpy as np
import pytest

from models.inference.working_grid import axial_grid, labels_on, scales_on
from models.volumes import Grid, Volume


@pytest.mark.parametrize("step", [2.0, 3.0, 5.0])
def test_labels_reach_the_last_voxel_of_the_field(step: float) -> None:
    """A coarse voxel reaches half its side beyond its centre, where fine voxels still lie in it."""
    fine = Grid((30, 30, 30), (1.0, 1.0, 1.0), (4.0, -3.0, 9.0))
    coarse = axial_grid(fine, (step, step, step))
    found = labels_on(Volume(np.full(coarse.shape, 2, np.float32), coarse), fine)
    assert (found.values == 2).all()


def test_beyond_the_field_there_is_no_label() -> None:
    fine = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    wider = Grid((8, 4, 4), (1.0, 1.0, 1.0), (-2.0, 0.0, 0.0))
    found = labels_on(Volume(np.ones(fine.shape, np.float32), fine), wider)
    assert found.values[0, 0].tolist() == [0, 0, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("step", [0.7, 1.0, 2.5])
def test_where_no_scale_is_known_none_is_made_up_and_its_neighbours_keep_theirs(step: float) -> None:
    grid = Grid((30, 10, 10), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    values = np.full(grid.shape, 40, np.float32)
    values[:, :, 15:] = np.nan
    other = Grid((int(29 / step), 3, 3), (step,) * 3, (0.0, 1.0, 1.0))
    found = scales_on(Volume(values, grid), other).values
    x = np.arange(other.size[0]) * step
    assert np.isnan(found[:, :, x > 15]).all()
    np.testing.assert_allclose(found[:, :, x < 14], 40, rtol=1e-5)
    # Between the two it is one or the other, never less than what is known.
    assert ((np.abs(found - 40) < 1e-3) | np.isnan(found)).all()


def test_beyond_the_field_there_is_no_scale() -> None:
    fine = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    wider = Grid((8, 4, 4), (1.0, 1.0, 1.0), (-2.0, 0.0, 0.0))
    found = scales_on(Volume(np.ones(fine.shape, np.float32), fine), wider)
    assert np.isnan(found.values[0, 0]).tolist() == [True, True, False, False, False, False, True, True]
