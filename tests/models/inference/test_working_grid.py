"""Labels keep their place between grids, to the last voxel of the field."""

from __future__ import annotations

import numpy as np
import pytest

from models.inference.working_grid import axial_grid, labels_on
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
