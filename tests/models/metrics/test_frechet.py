"""The Fréchet distance against scipy's matrix root and against what is known of Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from models.errors import InputError
from models.metrics.frechet import bottleneck_features, frechet_distance
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec


def itself(patch: np.ndarray) -> np.ndarray:
    return patch


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_against_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(0, 1, (30, 4)), rng.normal(1, 2, (40, 4)) @ rng.normal(0, 1, (4, 4))
    c1, c2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    apart = np.square(one.mean(axis=0) - other.mean(axis=0)).sum()
    expected = apart + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(list(one), list(other), itself) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(list(one), list(one), itself) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(list(one), list(one + 3.0), itself) == pytest.approx(4 * 9.0)


def test_fewer_patches_than_two_are_refused() -> None:
    with pytest.raises(InputError, match="too-few-patches"):
        frechet_distance([np.zeros(2)], [np.zeros(2)] * 3, itself)


def test_features_of_the_own_network_tell_noise_from_images() -> None:
    features = bottleneck_features(ResidualUNet(ResidualUNetSpec((4, 8), (-1000.0, 0.0, 1000.0))).eval())
    rng = np.random.default_rng(0)
    flat = [np.full((8, 8, 8), 1.0) + rng.normal(0, 0.01, (8, 8, 8)) for _ in range(12)]
    noise = [rng.normal(1, 1.0, (8, 8, 8)) for _ in range(12)]
    assert features(flat[0]).shape == (8,)
    near = frechet_distance(flat[:6], flat[6:], features)
    assert frechet_distance(flat[:6], noise[:6], features) > 5 * near
