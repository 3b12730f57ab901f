"""Slices of a tilted gantry, resampled upright: every point of the patient keeps its value and its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.volumes import Grid
from pipelines.contract import SourceInstance
from pipelines.geometry.tilt import Leaning, straighten
from pipelines.reading.reader import read_series

OUTSIDE = -1000.0


@pytest.mark.hazard("HAZ-03")
@settings(max_examples=40, deadline=None)
@given(
    turned=st.tuples(*[st.floats(-180, 180)] * 3),
    lean=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    slope=st.tuples(*[st.floats(-2, 2)] * 3),
)
def test_a_straightened_stack_shows_each_point_where_it_was(
    turned: Sequence[float], lean: tuple[float, float], slope: Sequence[float]
) -> None:
    axes = Rotation.from_euler("xyz", turned, degrees=True).as_matrix()
    direction = tuple(tuple(float(v) for v in axis) for axis in axes)
    grid = Grid(size=(12, 10, 7), spacing=(1.3, 0.9, 2.5), origin=(-11.0, 4.0, 30.0), direction=direction)
    k, j, i = np.mgrid[0:7, 0:10, 0:12].astype(float)
    upright = np.stack([i, j, k], axis=-1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    where = upright + k[..., None] * (lean[0] * axes[0] + lean[1] * axes[1])
    values = (where @ slope).astype(np.float32)

    found = straighten(values, grid, lean, OUTSIDE)

    k, j, i = np.mgrid[tuple(slice(0, n) for n in found.grid.shape)].astype(float)
    there = np.stack([i, j, k], axis=-1) @ found.grid.affine[:3, :3].T + found.grid.affine[:3, 3]
    offset = (there - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    column = offset[..., 0] - offset[..., 2] * lean[0] / 1.3
    row = offset[..., 1] - offset[..., 2] * lean[1] / 0.9
    measured = (column > 1e-6) & (column < 11 - 1e-6) & (row > 1e-6) & (row < 9 - 1e-6)
    assert measured.sum() > 100
    assert np.allclose(found.values[measured], (there @ slope)[measured], atol=1e-2)
    beyond = (column < -1) | (column > 12) | (row < -1) | (row > 10)
    assert np.all(found.values[beyond] == OUTSIDE)


@pytest.mark.data
def test_a_real_tilted_ct_stands_upright_with_its_slices_in_their_planes(real_data: Path) -> None:
    files = sorted((real_data / "ct-head-phantom-dicom" / "tilt-16.5").glob("I[0-9]*"))
    series = read_series([SourceInstance(pydicom.dcmread(file), "") for file in files])
    assert series.tilt_degrees == pytest.approx(float(series.header.GantryDetectorTilt), abs=0.05)
    grid = series.volume.grid
    assert np.allclose(np.cross(grid.direction[0], grid.direction[1]), grid.direction[2], atol=1e-6)
    for index in (0, 29, 57):
        image = series.datasets[index]
        height = (np.array(image.ImagePositionPatient, float) - grid.origin) @ grid.direction[2]
        assert height == pytest.approx(index * grid.spacing[2], abs=0.05)
        sent = image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept)
        # Air around the head was made wider, and the plastic has the mass that it had.
        assert np.maximum(series.volume.values[index] + 900, 0).sum() == pytest.approx(
            np.maximum(sent + 900, 0).sum(), rel=0.02
        )


@pytest.mark.hazard("HAZ-08")
@settings(max_examples=30, deadline=None)
@given(turned=st.tuples(*[st.floats(-180, 180)] * 3), lean=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_what_padding_fills_in_is_not_in_the_field(turned: Sequence[float], lean: tuple[float, float]) -> None:
    axes = Rotation.from_euler("xyz", turned, degrees=True).as_matrix()
    direction = tuple(tuple(float(v) for v in axis) for axis in axes)
    grid = Grid(size=(12, 10, 7), spacing=(1.3, 0.9, 2.5), origin=(-11.0, 4.0, 30.0), direction=direction)
    upright = straighten(np.ones(grid.shape, dtype=np.float32), grid, lean, OUTSIDE)
    inside = Leaning(grid, lean).inside(upright.grid)
    assert inside.sum() == pytest.approx(np.prod(grid.shape), rel=0.25)
    # Between the outermost centres and the edges of their voxels, straightening has nothing to interpolate with.
    assert inside[upright.values > 1 - 1e-3].all()
    assert (upright.values[~inside] < 1).all()


def test_slices_that_do_not_lean_fill_their_grid() -> None:
    grid = Grid(size=(12, 10, 7), spacing=(1.3, 0.9, 2.5), origin=(-11.0, 4.0, 30.0))
    assert Leaning(grid, (0.0, 0.0)).inside(grid).all()
