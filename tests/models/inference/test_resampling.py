"""Resampling puts values where they belong, whatever the orientation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.errors import InputError
from models.inference import resample, resampling_cpu, resampling_cuda
from models.inference.resampling import blur_voxels, field_of
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


@pytest.mark.parametrize("spacing", [0.9, 1.4, 2.6])
def test_both_ways_of_interpolating_agree(spacing: float) -> None:
    source = oblique((20.0, -35.0, 70.0), (22, 20, 24), spacing)
    values = np.random.default_rng(3).random(source.shape).astype(np.float32)
    target = Grid((24, 22, 20), (1.5, 1.5, 1.5), (-17.0, -16.0, -15.0))
    sigmas = blur_voxels(source, target)
    host = resampling_cpu.interpolated(Volume(values, source), target, sigmas)
    device = resampling_cuda.interpolated(Volume(values, source), target, sigmas, torch.device("cpu")).numpy()
    inside = field_of(source, target)
    assert inside.mean() > 0.1
    np.testing.assert_allclose(host[inside], device[inside], atol=2e-4)


@settings(max_examples=25, deadline=None)
@given(angles=st.tuples(*[st.sampled_from([0, 90, 180, -90, 13, -71])] * 3), shift=st.floats(-6, 6))
def test_the_field_is_what_lies_within_half_a_voxel(angles: tuple[float, float, float], shift: float) -> None:
    source = oblique(angles, (9, 11, 7), 1.3)
    target = Grid((12, 13, 14), (1.1, 1.2, 1.0), (-6.0 + shift, -7.0, -6.5))
    index = (np.linalg.inv(source.affine)[:3, :3] @ (positions(target) - source.origin)[..., None])[..., 0]
    beyond = np.maximum(-0.5 - index, index - np.array(source.size) + 0.5).max(axis=-1)
    found = field_of(source, target)
    assert found[beyond < -1e-4].all()
    assert not found[beyond > 1e-4].any()


def test_the_whole_field_of_a_grid_is_inside_itself_to_its_last_edge() -> None:
    source = Grid((6, 5, 4), (1.5, 1.5, 3.0), (0.1, 0.2, 0.3))
    halved = Grid((12, 10, 8), (0.75, 0.75, 1.5), (0.1 - 0.375, 0.2 - 0.375, 0.3 - 0.75))
    ones = Volume(np.full(source.shape, 7.0, np.float32), source)
    found, inside = resample(ones, halved)
    assert inside.all()
    np.testing.assert_allclose(found.values, 7.0, rtol=1e-6)
    # Voxel centres on the very edge of the field count.
    edge = Grid((2, 5, 4), (1.5 * 6, 1.5, 3.0), (0.1 - 0.75, 0.2, 0.3))
    found, inside = resample(ones, edge)
    assert inside.all()
    np.testing.assert_allclose(found.values, 7.0, rtol=1e-6)


def test_one_slice_is_no_volume() -> None:
    grid = Grid((4, 4, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    with pytest.raises(InputError, match="source-too-thin"):
        resample(Volume(np.ones(grid.shape, np.float32), grid), grid)
