"""Resampling puts values where they belong, whatever the orientation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.errors import InputError
from models.inference import resample
from models.volumes import Grid, Volume


def positions(grid: Grid) -> np.ndarray:
    """LPS positions of all voxels, shape (k, j, i, 3), computed one index at a time from the attributes."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    axes = np.asarray(grid.direction)
    steps = [index[..., None] * step * axis for index, step, axis in zip((i, j, k), grid.spacing, axes, strict=True)]
    return np.asarray(grid.origin) + steps[0] + steps[1] + steps[2]


def oblique(angles: tuple[float, float, float], size: tuple[int, int, int], spacing: float) -> Grid:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    grid = Grid(size, (spacing,) * 3, (0.0, 0.0, 0.0), tuple(tuple(map(float, row)) for row in axes))
    middle = positions(grid).reshape(-1, 3).mean(axis=0)
    return Grid(size, grid.spacing, tuple(map(float, -middle)), grid.direction)


@pytest.mark.hazard("HAZ-03")
@settings(max_examples=20, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.floats(0.8, 1.9),
    slope=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_a_linear_ramp_survives_any_rotation(
    angles: tuple[float, float, float], spacing: float, slope: tuple[float, float, float]
) -> None:
    source = oblique(angles, (20, 22, 24), spacing)
    ramp = (positions(source) @ np.array(slope) + 50.0).astype(np.float32)
    target = Grid((8, 7, 6), (2.0, 2.0, 2.0), (-7.0, -6.0, -5.0))
    found, inside = resample(Volume(ramp, source), target)
    expected = positions(target) @ np.array(slope) + 50.0
    # Away from the border a symmetric blur keeps a ramp, and linear interpolation repeats it.
    index = np.linalg.inv(source.affine)[:3, :3] @ (positions(target) - source.origin)[..., None]
    deep = ((index[..., 0] > 5) & (index[..., 0] < np.array(source.size) - 6)).all(axis=-1)
    assert inside[deep].all()
    np.testing.assert_allclose(found.values[deep], expected[deep], atol=0.02)


def test_the_same_grid_gives_the_same_values() -> None:
    grid = Grid((5, 6, 7), (1.5, 1.5, 1.5), (3.0, -2.0, 8.0))
    values = np.random.default_rng(0).random(grid.shape).astype(np.float32)
    found, inside = resample(Volume(values, grid), grid)
    np.testing.assert_allclose(found.values, values, atol=1e-5)
    assert inside.all()


def test_outside_the_field_is_zero_and_said_so() -> None:
    source = Grid((4, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    target = Grid((10, 4, 4), (1.0, 1.0, 1.0), (-3.0, 0.0, 0.0))
    found, inside = resample(Volume(np.full((4, 4, 4), 5.0, np.float32), source), target)
    assert inside[0, 0].tolist() == [False] * 3 + [True] * 4 + [False] * 3
    np.testing.assert_allclose(found.values[0, 0], [0, 0, 0, 5, 5, 5, 5, 0, 0, 0], atol=1e-5)


def test_coarser_sampling_does_not_alias() -> None:
    source = Grid((64, 8, 8), (0.5, 2.0, 2.0), (0.0, 0.0, 0.0))
    stripes = np.broadcast_to(np.where(np.arange(64) % 2, 100.0, 0.0), source.shape).astype(np.float32)
    target = Grid((12, 8, 8), (2.0, 2.0, 2.0), (4.0, 0.0, 0.0))
    found, _ = resample(Volume(stripes, source), target)
    np.testing.assert_allclose(found.values, 50.0, atol=1.0)


def test_integers_from_a_read_only_array_are_taken() -> None:
    grid = Grid((3, 3, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    values = np.arange(27, dtype=np.uint16).reshape(3, 3, 3)
    values.flags.writeable = False
    np.testing.assert_allclose(resample(Volume(values, grid), grid)[0].values, values)


def test_one_slice_is_no_volume() -> None:
    grid = Grid((4, 4, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="source-too-thin"):
        resample(Volume(np.ones(grid.shape, np.float32), grid), grid)
