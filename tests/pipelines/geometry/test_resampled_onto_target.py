from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.fov import inside_fov
from models.inference import resample
from models.volumes import Grid, Volume
from pipelines.geometry.target import axial_target, to_mm


def points_of(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.shape)
    return to_mm(grid, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float))


@pytest.mark.hazard("HAZ-03")
@settings(max_examples=25, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    spacing=st.tuples(*[st.floats(1.0, 4.0)] * 3),
    slope=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_a_ramp_through_the_patient_stays_where_it_is(
    angles: tuple[float, float, float], spacing: tuple[float, float, float], slope: tuple[float, float, float]
) -> None:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    rows = tuple(tuple(float(v) for v in axis) for axis in axes)
    source_grid = Grid((14, 12, 10), spacing, (-20.0, 31.0, 7.0), rows)
    ramp = (points_of(source_grid) @ np.array(slope)).reshape(source_grid.shape)
    # target voxels no coarser than the source's, so that no blur comes before
    step = 0.5 * min(spacing)
    target = axial_target(source_grid, (step, step, step)).grid

    found, field = resample(Volume(ramp.astype(np.float32), source_grid), target)

    truth = (points_of(target) @ np.array(slope)).reshape(target.shape)
    inverse = np.linalg.inv(source_grid.affine)
    index = points_of(target) @ inverse[:3, :3].T + inverse[:3, 3]
    between_centres = ((index >= 0) & (index <= np.array(source_grid.size) - 1)).all(axis=1).reshape(target.shape)
    assert between_centres.any()
    assert np.abs(found.values - truth)[between_centres].max() < 0.02
    # the network's field and the one that is reported are the same, but for voxels right on its faces
    assert (field != inside_fov(source_grid, target)).mean() < 0.01
    assert field.mean() == pytest.approx(inside_fov(source_grid, target).mean(), abs=0.01)
