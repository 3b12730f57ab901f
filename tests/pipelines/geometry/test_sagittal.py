"""Sagittal slices hold the voxels that stand there, on any axial grid."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.volumes import Grid, Volume
from pipelines.geometry.sagittal import sagittal
from pipelines.geometry.target import to_index, to_mm

SIZES = st.tuples(*[st.integers(2, 7)] * 3)
STEPS = st.tuples(*[st.floats(0.5, 5)] * 3)
PLACES = st.tuples(*[st.floats(-200, 200)] * 3)


@settings(max_examples=60, deadline=None)
@given(SIZES, STEPS, PLACES, st.integers(1, 3))
def test_each_voxel_is_the_mean_of_those_at_its_place(size, spacing, origin, slices_in_one) -> None:
    slices_in_one = min(slices_in_one, size[0])
    grid = Grid(size, spacing, origin)
    values = np.random.default_rng(1).random(grid.shape).astype(np.float32)
    made = sagittal(Volume(values, grid), slices_in_one)
    assert made.grid.size == (size[1], size[2], size[0] // slices_in_one)
    assert np.linalg.det(np.array(made.grid.direction)) > 0.99
    k, j, i = np.indices(made.grid.shape)
    points = to_mm(made.grid, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float))
    expected = np.zeros(len(points))
    for part in range(slices_in_one):
        at = points + np.array([(part - (slices_in_one - 1) / 2) * spacing[0], 0, 0])
        x, y, z = np.rint(to_index(grid, at)).astype(int).T
        expected += values[z, y, x] / slices_in_one
    assert np.allclose(made.values.ravel(), expected, atol=1e-6)
