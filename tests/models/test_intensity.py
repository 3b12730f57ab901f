"""Intensities come to one scale, whatever the scanner's units and however much air is around."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.intensity import CEILING, normalise, reference_intensity


def image(air: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    tissue = rng.uniform(100, 200, 20_000)
    return np.concatenate([tissue, np.abs(rng.normal(0, 3, air))]).astype(np.float32)


def test_air_around_does_not_change_the_scale() -> None:
    assert reference_intensity(image(5_000)) == pytest.approx(reference_intensity(image(80_000)), rel=0.01)
    assert reference_intensity(image(5_000)) == pytest.approx(190, rel=0.01)


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(0.01, 1000))
def test_units_cancel(scale: float) -> None:
    values = image(10_000)
    scaled = (values * np.float32(scale)).astype(np.float32)
    np.testing.assert_allclose(
        normalise(scaled, reference_intensity(scaled)), normalise(values, reference_intensity(values)), rtol=1e-3
    )


def test_normalised_values_are_bounded() -> None:
    found = normalise(np.array([-5, 0, 1, 1e9], np.float32), 1.0)
    assert found.tolist() == [0, 0, 1, CEILING]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([1, np.nan, 2], "intensity-not-finite"),
        ([1, np.inf, 2], "intensity-not-finite"),
        ([3, 3, 3], "intensity-constant"),
        ([0, 0, 0], "intensity-constant"),
        ([-1, -2, -3], "intensity-constant"),
    ],
)
def test_what_has_no_scale_is_refused(values: list[float], code: str) -> None:
    with pytest.raises(InputError) as caught:
        reference_intensity(np.array(values, np.float32))
    assert caught.value.code == code
