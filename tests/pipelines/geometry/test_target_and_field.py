from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.fov import contact_areas, faces, fov_corners, inside_fov
from models.volumes import Grid, Volume
from pipelines.errors import UnreadableSeries
from pipelines.geometry.posture import Posture, posture
from pipelines.geometry.target import MOST_SLICES, axial_target, thinned, to_index, to_mm


@st.composite
def grids(draw: st.DrawFn, largest: int = 40) -> Grid:
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return Grid(
        size=draw(st.tuples(*[st.integers(1, largest)] * 3)),
        spacing=draw(st.tuples(*[st.floats(0.4, 5.0)] * 3)),
        origin=draw(st.tuples(*[st.floats(-400, 400)] * 3)),
        direction=tuple(tuple(float(v) for v in axis) for axis in axes),
    )


@given(grid=grids(), indices=st.lists(st.tuples(*[st.floats(-50, 300)] * 3), min_size=1, max_size=8))
def test_index_to_millimetres_and_back(grid: Grid, indices: list[tuple[float, float, float]]) -> None:
    asked = np.array(indices)
    assert np.allclose(to_index(grid, to_mm(grid, asked)), asked, atol=1e-6)


@given(grid=grids())
def test_millimetres_follow_the_definition(grid: Grid) -> None:
    i, j, k = np.array([2.0, 3.0, 5.0]) * grid.spacing
    axes = np.array(grid.direction)
    expected = np.array(grid.origin) + i * axes[0] + j * axes[1] + k * axes[2]
    assert np.allclose(to_mm(grid, np.array([[2.0, 3.0, 5.0]]))[0], expected)


@given(source=grids(largest=200), voxel=st.floats(0.5, 3.0))
def test_the_target_covers_the_field_and_is_as_planning_systems_ask(source: Grid, voxel: float) -> None:
    target = axial_target(source, (voxel, voxel, voxel))
    grid = target.grid
    assert grid.direction == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert grid.spacing == (voxel, voxel, voxel)
    indices = to_index(grid, fov_corners(source))
    # a rounding of the origin to a micrometre may leave out at most that
    assert (indices >= -0.5 - 0.002).all()
    assert (indices <= np.array(grid.size) - 0.5 + 0.002).all()
    slack = np.array(grid.size) * voxel - (fov_corners(source).max(0) - fov_corners(source).min(0))
    assert (slack < voxel + 0.002).all()
    assert -(-grid.size[2] // target.slice_stride) <= MOST_SLICES


def test_a_tall_field_is_written_with_a_coarser_step() -> None:
    tall = Grid(size=(4, 4, 450), spacing=(1, 1, 1), origin=(0, 0, 0))
    target = axial_target(tall, (1.0, 1.0, 1.0))
    values = np.arange(450, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), dtype=np.float32)
    written = thinned(Volume(values, target.grid), target.slice_stride)
    assert target.slice_stride == 2
    assert written.grid.size == (4, 4, 225)
    assert written.grid.spacing == (1.0, 1.0, 2.0)
    # each written slice still stands where it was computed
    heights = to_mm(written.grid, np.array([[0, 0, k] for k in range(225)], dtype=float))[:, 2]
    assert np.array_equal(heights, written.values[:, 0, 0])


def test_a_field_under_400_slices_is_written_whole() -> None:
    target = axial_target(Grid((4, 4, MOST_SLICES), (1, 1, 1), (0, 0, 0)), (1.0, 1.0, 1.0))
    assert target.slice_stride == 1


@settings(max_examples=25, deadline=None)
@given(source=grids(largest=12))
def test_inside_field_agrees_with_the_transform_voxel_by_voxel(source: Grid) -> None:
    target = axial_target(source, (2.0, 2.5, 3.0)).grid
    k, j, i = np.indices(target.shape)
    index = to_index(source, to_mm(target, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)))
    margin = np.minimum(index + 0.5, np.array(source.size) - 0.5 - index).min(axis=1)
    found = inside_fov(source, target).ravel()
    clear = np.abs(margin) > 1e-3
    assert np.array_equal(found[clear], margin[clear] > 0)


@pytest.mark.hazard("HAZ-04")
def test_faces_know_the_patients_sides() -> None:
    sagittal = Grid((8, 8, 8), (1, 1, 1), (0, 0, 0), direction=((0, 1, 0), (0, 0, -1), (-1, 0, 0)))
    sides = {(face.axis, face.upper): face.side for face in faces(sagittal)}
    assert sides == {
        (0, False): "anterior",
        (0, True): "posterior",
        (1, False): "superior",
        (1, True): "inferior",
        (2, False): "left",
        (2, True): "right",
    }


def test_contact_is_the_area_that_touches() -> None:
    grid = Grid((40, 40, 40), (1, 1, 1), (0, 0, 0))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[0:20, 10:30, 10:20] = True  # a block standing on the inferior face: 20 by 10 mm
    areas = {face.side: area for face, area in contact_areas(grid, grid, mask).items()}
    assert areas["inferior"] == pytest.approx(2.0)
    assert sum(areas.values()) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("position", "expected"),
    [("HFS", Posture.SUPINE), ("FFS", Posture.SUPINE), ("HFP", Posture.PRONE), ("ffp ", Posture.PRONE)],
)
def test_postures(position: str, expected: Posture) -> None:
    assert posture(position) is expected


@pytest.mark.parametrize("position", ["HFDL", "FFDR", "", "SITTING"])
def test_other_positions_are_refused(position: str) -> None:
    with pytest.raises(UnreadableSeries) as caught:
        posture(position)
    assert caught.value.reason.code == "patient-position-unsupported"
