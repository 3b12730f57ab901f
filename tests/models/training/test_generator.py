"""Pairs repeat by number, agree with each other, and differ from one another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.intensity import CEILING
from models.tissues import Tissue
from models.training.fields import along_axes, slice_matrix, smooth_field, spread_matrix
from models.training.generator import PairGenerator, draw_anatomy
from models.training.maps import map_files, prepared
from models.training.recipe import Recipe


@pytest.fixture
def generator(label_maps: Path, small_recipe: Recipe, tmp_path: Path) -> PairGenerator:
    return PairGenerator(prepared(map_files(label_maps), tmp_path / "maps"), small_recipe)


def test_a_number_is_a_pair(generator: PairGenerator) -> None:
    first = generator.pair(5)
    generator.pair(6)
    again, other = generator.pair(5), generator.pair(6)
    assert np.array_equal(first.mr, again.mr)
    assert np.array_equal(first.ct, again.ct)
    assert not np.array_equal(first.mr, other.mr)


def test_pairs_are_what_a_network_can_learn_from(generator: PairGenerator) -> None:
    for number in range(12):
        pair = generator.pair(number)
        assert pair.mr.shape == pair.ct.shape == pair.body.shape == (24, 24, 24)
        assert np.isfinite(pair.mr).all()
        assert np.isfinite(pair.ct).all()
        assert pair.mr.min() >= 0
        assert pair.mr.max() <= CEILING
        assert pair.ct.min() >= -1100
        assert (pair.ct[~pair.body] < 0).mean() > 0.9
        assert (pair.ct > 300).any()


def test_without_bending_the_map_comes_back(label_maps: Path, small_recipe: Recipe, tmp_path: Path) -> None:
    head = prepared(map_files(label_maps), tmp_path / "maps")[0]
    still = small_recipe.geometry.model_copy(
        update={
            "rotation_degrees": 0.0,
            "scale_least": 1.0,
            "scale_most": 1.0,
            "shear": 0.0,
            "coarse_velocity_mm": 0.0,
            "fine_velocity_mm": 0.0,
        }
    )
    appearance = small_recipe.appearance.model_copy(update={"lesion_share": 0.0, "craniotomy_share": 0.0})
    recipe = small_recipe.model_copy(update={"geometry": still, "appearance": appearance, "voxel_mm": 2.0})
    size = max(head.tissue.shape) + 3
    found = draw_anatomy(np.random.default_rng(0), head, recipe, size, np.array(head.tissue.shape) / 2)
    for tissue in (Tissue.WHITE, Tissue.CSF):
        ours, theirs = (found.tissue == tissue).sum(), (head.tissue == tissue).sum()
        # Sizes are drawn within 5 % along each axis even then.
        assert ours == pytest.approx(theirs, rel=0.25)
    assert not (found.tissue > max(Tissue)).any()


@settings(max_examples=25, deadline=None)
@given(points=st.integers(2, 60), nodes=st.integers(2, 12), sigma=st.floats(0.0, 4.0), step=st.floats(1.0, 4.0))
def test_operators_keep_constants(points: int, nodes: int, sigma: float, step: float) -> None:
    np.testing.assert_allclose(spread_matrix(points, nodes).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(slice_matrix(points, sigma, step).sum(axis=1), 1, atol=1e-4)


def test_operators_act_along_their_own_axis() -> None:
    values = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    matrices = tuple(np.random.default_rng(n).random((n, n)).astype(np.float32) for n in (3, 4, 5))
    expected = np.einsum("ak,bj,ci,kji->abc", *matrices, values)
    np.testing.assert_allclose(along_axes(values, matrices), expected, rtol=1e-4)


def test_smooth_fields_are_smooth_and_of_unit_size() -> None:
    rng = np.random.default_rng(0)
    fields = [smooth_field(rng, 48, 8.0) for _ in range(30)]
    assert 0.8 < np.std(fields) < 1.25
    assert np.std(np.diff(fields[0], axis=0)) < 0.3 * np.std(fields[0])
