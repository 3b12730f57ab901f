"""SSIM and MS-SSIM against scikit-image and against slow programs that follow the papers and the challenge."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter
from skimage.metrics import structural_similarity

from models.errors import InputError
from models.metrics.structure import (
    WEIGHTS,
    ms_ssim_masked,
    ms_ssim_synthrad2025,
    ssim_masked,
    ssim_synthrad2023,
)

RANGE = 4095.0


def images(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = 1000 + 400 * uniform_filter(rng.normal(0, 3, shape), 3)
    return truth, truth + rng.normal(0, 200, shape)


def by_hand(truth: np.ndarray, found: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """SSIM and its contrast-structure term, window by window, with the weights of the mask's voxels alone."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = taps[:, None, None] * taps[:, None] * taps
    pad = [(5, 5)] * 3
    weights, x, y = (np.pad(v.astype(float), pad) for v in (inside, truth, found))
    whole, structure = [], []
    c1, c2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2
    for k, j, i in zip(*np.nonzero(inside), strict=True):
        box = (slice(k, k + 11), slice(j, j + 11), slice(i, i + 11))
        w = window * weights[box]
        w = w / w.sum()
        a, b = x[box], y[box]
        mean_a, mean_b = (w * a).sum(), (w * b).sum()
        var_a, var_b = (w * (a - mean_a) ** 2).sum(), (w * (b - mean_b) ** 2).sum()
        both = (w * (a - mean_a) * (b - mean_b)).sum()
        structure.append((2 * both + c2) / (var_a + var_b + c2))
        whole.append(structure[-1] * (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1))
    return float(np.mean(whole)), float(np.mean(structure))


def halved_by_hand(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shape = tuple((n + 1) // 2 for n in values.shape)
    out, mask = np.zeros(shape), np.zeros(shape, bool)
    for k, j, i in product(*(range(n) for n in shape)):
        cell = (slice(2 * k, 2 * k + 2), slice(2 * j, 2 * j + 2), slice(2 * i, 2 * i + 2))
        if inside[cell].any():
            out[k, j, i], mask[k, j, i] = values[cell][inside[cell]].mean(), True
    return out, mask


def test_away_from_the_rim_it_is_scikit_image_s() -> None:
    truth, found = images(1, (24, 25, 26))
    _, theirs = structural_similarity(
        truth, found, data_range=RANGE, gaussian_weights=True, use_sample_covariance=False, full=True
    )
    # A mask whose windows all lie inside the image, and a body around it that fills the windows.
    everything = np.ones(truth.shape, bool)
    inner = (slice(5, -5),) * 3
    ours = ssim_masked(truth, found, everything, RANGE)
    rim = ours * everything.sum() - theirs[inner].sum()
    assert ours == pytest.approx(by_hand(truth, found, everything)[0])
    # Only the rim's windows, cut off by the image here and mirrored there, may differ.
    assert abs(rim / (everything.sum() - theirs[inner].size) - theirs[everything].mean()) < 0.02


def test_in_a_mask_it_is_the_slow_program_s() -> None:
    truth, found = images(2, (12, 14, 13))
    inside = np.linalg.norm(np.indices(truth.shape).T - [6, 7, 6], axis=-1).T < 6
    assert ssim_masked(truth, found, inside, RANGE) == pytest.approx(by_hand(truth, found, inside)[0])


def test_five_scales_are_the_slow_program_s() -> None:
    truth, found = images(3, (16, 17, 18))
    inside = np.ones(truth.shape, bool)
    inside[:3, :4] = False
    expected, one, other, mask = 1.0, truth, found, inside
    for level, weight in enumerate(WEIGHTS):
        whole, structure = by_hand(one, other, mask)
        expected *= max(whole if level == 4 else structure, 0.0) ** weight
        (one, coarse), (other, _) = halved_by_hand(one, mask), halved_by_hand(other, mask)
        mask = coarse
    assert ms_ssim_masked(truth, found, inside, RANGE) == pytest.approx(expected)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(-1e4, 1e4))
def test_nothing_outside_the_mask_counts(seed: int, outside: float) -> None:
    truth, found = images(seed, (18, 19, 20))
    inside = np.zeros(truth.shape, bool)
    inside[1:-1, 1:-1, 1:-1] = True
    changed = np.where(inside, found, outside)
    assert ssim_masked(truth, changed, inside, RANGE) == ssim_masked(truth, found, inside, RANGE)
    assert ms_ssim_masked(truth, changed, inside, RANGE) == ms_ssim_masked(truth, found, inside, RANGE)
    assert ssim_masked(truth, found, inside, RANGE) == pytest.approx(ssim_masked(found, truth, inside, RANGE))


def test_the_same_is_1_a_negative_is_below_0_and_a_thin_body_has_no_fifth_scale() -> None:
    truth, _ = images(4, (20, 20, 20))
    inside = np.ones(truth.shape, bool)
    loud = 2000 + 10 * (truth - 1000)
    assert ssim_masked(truth, truth, inside, RANGE) == pytest.approx(1.0)
    assert ms_ssim_masked(truth, truth, inside, RANGE) == pytest.approx(1.0)
    assert ssim_masked(loud, 4000 - loud, inside, RANGE) < 0
    assert ms_ssim_masked(truth[:15], truth[:15], inside[:15], RANGE) is None


def test_synthrad2023_is_scikit_image_s_map_in_the_mask() -> None:
    truth, found = (values - 1024 for values in images(5, (17, 18, 19)))
    truth[0, 0], found[5, 5, :5] = -2000, 5000
    body = np.zeros(truth.shape, bool)
    body[2:14, 1:16, 4:] = True
    one, other = (np.where(body, np.clip(v, -1024, 3000), -1024) + 1024 for v in (truth, found))
    _, theirs = structural_similarity(one, other, data_range=4024.0, full=True)
    inner = (slice(3, -3),) * 3
    expected = theirs[inner][body[inner]].mean()
    assert ssim_synthrad2023(truth, found, body, -1024, 3000) == pytest.approx(expected)


def test_synthrad2025_is_a_program_that_follows_the_challenge() -> None:
    """Written from the challenge's description of itself; its numbers of this very case were compared once by hand."""
    truth, found = (values - 1024 for values in images(6, (20, 98, 97)))
    body = np.zeros(truth.shape, bool)
    body[2:18, 10:90, 10:90] = True
    one, other = (np.where(body, np.clip(v, -1024, 3071), -1024) + 1024 for v in (truth, found))
    low = (97 - 20) // 2
    one, other, mask = (np.pad(v, ((low, 77 - low), (0, 0), (0, 0)), mode="edge") for v in (one, other, body))
    expected, c1, c2 = 1.0, (0.01 * 4095) ** 2, (0.03 * 4095) ** 2
    for weight in WEIGHTS:
        mean, our_mean = uniform_filter(one, 7), uniform_filter(other, 7)
        n = 343 / 342
        var = np.clip(n * (uniform_filter(one**2, 7) - mean**2), 0, None)
        our_var = np.clip(n * (uniform_filter(other**2, 7) - our_mean**2), 0, None)
        both = n * (uniform_filter(one * other, 7) - mean * our_mean)
        root = np.sqrt(var * our_var)
        terms = (
            (2 * mean * our_mean + c1) / (mean**2 + our_mean**2 + c1),
            (2 * root + c2) / (var + our_var + c2),
            (both + c2 / 2) / (root + c2 / 2),
        )
        level = np.prod([np.clip(term, 0, None) for term in terms], axis=0) ** weight
        inner = (slice(3, -3),) * 3
        expected *= level[inner][mask[inner]].mean()
        padded = [np.pad(v, [(1, 0)] * 3) for v in (one, other)]
        corners = list(product((0, 1), repeat=3))
        one, other = (
            np.mean([v[a : a + m.shape[0], b : b + m.shape[1], c : c + m.shape[2]] for a, b, c in corners], axis=0)
            for v, m in zip(padded, (one, other), strict=True)
        )
        one, other, mask = one[::2, ::2, ::2], other[::2, ::2, ::2], mask[::2, ::2, ::2]
    assert ms_ssim_synthrad2025(truth, found, body, -1024, 3071) == pytest.approx(expected)


def test_an_image_smaller_than_the_window_is_refused() -> None:
    thin = np.zeros((6, 20, 20))
    with pytest.raises(InputError, match="image-too-small"):
        ssim_synthrad2023(thin, thin, np.ones(thin.shape, bool), -1024, 3000)
