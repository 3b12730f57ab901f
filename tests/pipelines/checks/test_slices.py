from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from models.volumes import Grid, Volume
from pipelines.checks.slices import check_slice_order, step_ratio
from pipelines.contract import Verdict
from pipelines.reasons import TEXTS, text

SIZE = (40, 44, 36)


def body(seed: int = 0, noise: float = 0.05) -> np.ndarray:
    """A ball with smooth structure of a few voxels' width inside, air around it, and noise; brightest about 1."""
    rng = np.random.default_rng(seed)
    structure = ndimage.gaussian_filter(rng.standard_normal(SIZE[::-1]), 2.0)
    structure = 0.5 + 0.25 * structure / structure.std()
    k, j, i = np.indices(SIZE[::-1])
    inside = ((i - 20) / 17) ** 2 + ((j - 22) / 19) ** 2 + ((k - 18) / 16) ** 2 < 1
    return np.abs(np.where(inside, structure, 0) + noise * rng.standard_normal(structure.shape)).astype(np.float32)


def volume(values: np.ndarray) -> Volume:
    k, j, i = values.shape
    return Volume(values, Grid((i, j, k), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))


def interleaved(values: np.ndarray, axis: int) -> np.ndarray:
    striped = np.moveaxis(values.copy(), axis, 0)
    striped[1::2] = np.where(striped[1::2] > 0.2, 1.2 - striped[1::2], striped[1::2])
    return np.moveaxis(striped, 0, axis)


def test_a_body_passes_and_the_check_has_a_text() -> None:
    check = check_slice_order("slice-order", volume(body()))
    assert check.verdict is Verdict.PASS
    assert "slice-order" in TEXTS
    assert "accepted: at most" in text(check.reason)


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(("axis", "named"), [(0, "slice to slice"), (1, "row to row"), (2, "column to column")])
def test_two_acquisitions_interleaved_are_refused_along_any_axis(axis: int, named: str) -> None:
    check = check_slice_order("slice-order", volume(interleaved(body(), axis)))
    assert check.verdict is Verdict.REJECT
    assert named in text(check.reason)


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("seed", range(4))
def test_slices_in_no_order_are_never_passed(seed: int) -> None:
    values = body(seed)
    order = np.random.default_rng(seed).permutation(values.shape[0])
    assert check_slice_order("slice-order", volume(values[order])).verdict is not Verdict.PASS


@pytest.mark.hazard("HAZ-07")
def test_pixels_whose_upper_bits_are_lost_are_refused() -> None:
    stored = np.rint(body() * 1600).astype(np.int64)
    wrapped = ((stored << 4) % 4096).astype(np.float32)
    assert check_slice_order("slice-order", volume(wrapped)).verdict is Verdict.REJECT


def test_where_only_noise_differs_from_slice_to_slice_nothing_is_out_of_order() -> None:
    rod = np.tile(np.median(body(noise=0.0)[14:22], axis=0), (36, 1, 1))
    noisy = np.abs(rod + 0.05 * np.random.default_rng(3).standard_normal(rod.shape)).astype(np.float32)
    assert check_slice_order("slice-order", volume(noisy)).verdict is Verdict.PASS


def test_too_few_slices_and_a_flat_image_are_held() -> None:
    assert check_slice_order("slice-order", volume(body()[:3, :3, :3])).verdict is Verdict.REVIEW
    assert check_slice_order("slice-order", volume(np.zeros((8, 8, 8), np.float32))).verdict is Verdict.REVIEW


@given(scale=st.floats(1e-2, 1e4), flips=st.tuples(st.booleans(), st.booleans(), st.booleans()))
@settings(max_examples=20, deadline=None)
def test_neither_the_unit_nor_the_direction_matters(scale: float, flips: tuple[bool, bool, bool]) -> None:
    values = body()
    turned = np.flip(values, [axis for axis, flip in enumerate(flips) if flip]) * np.float32(scale)
    for axis in range(3):
        assert step_ratio(volume(turned), axis) == pytest.approx(step_ratio(volume(values), axis), rel=1e-3)
