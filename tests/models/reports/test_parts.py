"""Planes stand upright, grids hold their field, and agreement finds a bias where it is."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.fov import axial_grid
from models.reports.agreement import agreement, bins, by_tissue
from models.reports.charts import trust_plot
from models.reports.slices import cut
from models.reports.trust import Trust
from models.uncertainty.calibration import ReliabilityBin
from models.volumes import Grid


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1.0, -1.0), repeat=3)))
def test_planes_stand_upright_however_the_image_was_stored(order: tuple[int, ...], signs: tuple[float, ...]) -> None:
    axes = np.zeros((3, 3))
    for voxel, (world, sign) in enumerate(zip(order, signs, strict=True)):
        axes[voxel, world] = sign
    size = tuple((7, 9, 11)[world] for world in order)
    spacing = tuple((1.0, 2.0, 3.0)[world] for world in order)
    grid = Grid(size, spacing, (0.0, 0.0, 0.0), tuple(tuple(axis) for axis in axes))  # type: ignore[arg-type]
    k, j, i = np.indices(grid.shape)
    places = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ grid.affine.T
    left, back, up = (places[..., axis] - places[..., axis].min() for axis in range(3))
    # The image tells where each voxel stands: x in units, y in hundreds, z in thousands.
    told = (left + 100 * back / 2 + 1000 * up / 3).astype(np.float32)
    error = np.zeros(grid.shape, np.float32)
    error[(left == 2) & (back == 6) & (up == 12)] = 500
    found = {one.plane: one for one in cut(grid, told, told, told + error, None, np.ones(grid.shape, bool)).cuts}
    shown = {plane: one.truth.astype(np.float32) for plane, one in found.items()}
    assert [plane.shape for plane in shown.values()] == [(9, 7), (11, 7), (11, 9)]
    # The worst voxel stands 2 mm from the right, 6 mm from the front and 12 mm from the feet: indices 2, 3 and 4.
    assert shown["axial"][0, 0] == pytest.approx(4000, abs=2)
    assert shown["axial"][0, 6] - shown["axial"][0, 0] == pytest.approx(6, abs=4)
    assert shown["axial"][8, 0] - shown["axial"][0, 0] == pytest.approx(800, abs=4)
    assert shown["coronal"][0, 0] - shown["coronal"][10, 0] == pytest.approx(10_000, abs=8)
    assert shown["coronal"][10, 0] == pytest.approx(300, abs=1)
    assert shown["sagittal"][10, 8] - shown["sagittal"][10, 0] == pytest.approx(800, abs=2)
    assert shown["sagittal"][10, 0] == pytest.approx(2, abs=0.1)
    expected = places[..., :3].min(axis=(0, 1, 2)) + np.array([2.0, 6.0, 12.0])
    assert [found[plane].place_mm for plane in ("sagittal", "coronal", "axial")] == pytest.approx(expected)
    assert (found["coronal"].row_mm, found["coronal"].column_mm) == (3.0, 1.0)


@settings(max_examples=30, deadline=None)
@given(
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.integers(1, 30)] * 3),
    st.tuples(*[st.floats(0.4, 6)] * 3),
)
def test_the_working_grid_is_axial_and_holds_the_field(
    angles: tuple[float, float, float], size: tuple[int, int, int], spacing: tuple[float, float, float]
) -> None:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    field = Grid(size, spacing, (5.0, -7.0, 11.0), tuple(tuple(float(v) for v in axis) for axis in axes))  # type: ignore[arg-type]
    found = axial_grid(field, (1.5, 1.5, 2.0))
    assert np.allclose(found.direction, np.eye(3))
    assert found.spacing == (1.5, 1.5, 2.0)
    ends = [np.array([i, j, k, 1.0]) for i, j, k in product(*((-0.5, count - 0.5) for count in size))]
    index = np.array([np.linalg.inv(found.affine) @ field.affine @ end for end in ends])[:, :3]
    # To the voxels' outer edges, but for a thousandth of a voxel that rounding may cost.
    assert (index >= -0.5 - 1e-3).all()
    assert (index <= np.array(found.size) - 0.5 + 1e-3).all()
    # And not much more than that.
    assert (np.array(found.size) - (index.max(axis=0) - index.min(axis=0)) <= 1.0 + 1e-3).all()


def test_a_grid_that_fits_is_taken_as_it_is() -> None:
    grid = Grid((4, 5, 6), (2.0, 2.0, 2.0), (0.3, 0.0, -9.0))
    found = axial_grid(grid, (2.0, 2.0, 2.0))
    assert found.size == grid.size
    assert np.allclose(found.affine, grid.affine)


def test_a_bias_is_found_where_it_is_and_noise_is_none() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([-900.0, 40.0, 900.0], 4000).reshape(3, 40, 100)
    body = np.ones(truth.shape, bool)
    found = truth + rng.normal(0, 10, truth.shape) + np.where(truth > 250, 70.0, 0.0)
    cases = [agreement(truth, found, body) for _ in range(3)]
    means = {one.tissue: one.mean for one in by_tissue(cases)}
    assert means == {
        "air": pytest.approx(0, abs=1),
        "soft": pytest.approx(0, abs=1),
        "bone": pytest.approx(70, abs=1),
    }
    shown = bins(cases)
    assert sum(one.share for one in shown) == pytest.approx(
        1.0, abs=0.002
    )  # bins of less than a thousandth are left out
    # A bin that the noise cuts in two has a mean of its own: the fullest one tells.
    bone = max((one for one in shown if one.centre > 500), key=lambda one: one.share)
    soft = next(one for one in shown if -60 < one.centre < 140)
    assert bone.mean == pytest.approx(70, abs=6)
    assert (soft.mean, soft.high - soft.low) == (pytest.approx(0, abs=1), pytest.approx(2 * 1.96 * 10, rel=0.1))


def test_limits_need_three_images() -> None:
    truth = np.full((2, 3, 4), 40.0)
    cases = [agreement(truth, truth + 5, np.ones(truth.shape, bool))] * 2
    assert [(one.images, one.mean, one.low) for one in by_tissue(cases)] == [(2, 5.0, None)]


def test_ticks_of_logarithmic_axes_are_figures_and_not_tex() -> None:
    # Less than a decade: matplotlib then labels its minor ticks too, and writes them as TeX.
    table = tuple(ReliabilityBin(scale - 5.0, scale + 5.0, scale, 380.0) for scale in (100.0, 130.0, 170.0))
    drawn = trust_plot(Trust(1, 0.1, table, ()))
    assert "mathdefault" not in drawn
    assert ">200<" in drawn
