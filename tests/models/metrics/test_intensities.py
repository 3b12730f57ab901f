"""PSNR, R and divergence against scikit-image, numpy, scipy and published figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, pearsonr
from skimage.metrics import peak_signal_noise_ratio

from models.metrics.intensities import histogram_kl, pearson_r, psnr

seeds = st.integers(0, 10_000)


def images(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1000, 2000, 500)
    return truth, truth + rng.normal(0, 100, 500)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(1, 70_000))
def test_psnr_is_that_of_scikit_image(seed: int, peak: float) -> None:
    truth, found = images(seed)
    assert psnr(truth, found, peak) == pytest.approx(peak_signal_noise_ratio(truth, found, data_range=peak))


def test_psnr_by_hand_and_of_the_same_image() -> None:
    assert psnr(np.zeros(4), np.full(4, 40.95), 4095.0) == pytest.approx(40.0)
    assert psnr(np.ones(4), np.ones(4), 4095.0) is None


def test_published_pairs_of_mae_and_psnr_fit_no_max_but_65535() -> None:
    for mae, stated in ((28.819, 64.553), (21.193, 64.922)):
        # RMSE is at least MAE, so PSNR is at most 20 log10(MAX / MAE).
        assert 20 * np.log10(65535 / mae) > stated > 20 * np.log10(4095 / mae)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.1, 10), st.floats(-500, 500))
def test_r_is_that_of_scipy_and_knows_no_scale(seed: int, scale: float, shift: float) -> None:
    truth, found = images(seed)
    expected = pearsonr(truth, found).statistic
    assert pearson_r(truth, found) == pytest.approx(expected)
    assert pearson_r(truth, scale * found + shift) == pytest.approx(expected)
    assert pearson_r(truth, -found) == pytest.approx(-expected)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_a_constant_has_no_correlation(constant: float) -> None:
    assert pearson_r(np.arange(1000.0), np.full(1000, constant)) is None


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_divergence_is_that_of_scipy_blind_to_place_and_0_for_the_same(seed: int) -> None:
    truth, found = images(seed)
    counts = [np.histogram(np.clip(v, -1024, 3071), 64, (-1024, 3071))[0] + 1 for v in (truth, found)]
    divergence = histogram_kl(truth, found, -1024, 3071, 64)
    assert divergence == pytest.approx(entropy(*counts))
    assert histogram_kl(truth, np.random.default_rng(0).permutation(found), -1024, 3071, 64) == divergence
    assert histogram_kl(truth, truth, -1024, 3071, 64) == 0


def test_divergence_by_hand() -> None:
    truth, found = np.array([0.0, 0.0]), np.array([0.0, 1.0])
    # Counts with one added: 3, 1 against 2, 2.
    expected = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    assert histogram_kl(truth, found, 0.0, 1.0, 2) == pytest.approx(expected)
