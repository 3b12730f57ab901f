"""Coarse heads made of a few ellipsoids, and volumes of them as scanners and people get them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.packages import InputLimits
from models.volumes import Grid, Volume

HeadAt = Callable[..., Volume]


def head(spacing: tuple[float, float, float] = (2.0, 2.0, 2.0), noise: float = 6.0) -> Volume:
    """A scalp, a dark skull, a brain and a neck in air, 24 cm a side; x, y, z of the middle are 0."""
    size = tuple(round(240 / step) for step in spacing)
    first = tuple(-(count - 1) / 2 * step for count, step in zip(size, spacing, strict=True))
    x, y, z = np.meshgrid(
        *(start + np.arange(count) * step for start, count, step in zip(first, size, spacing, strict=True)),
        indexing="ij",
    )
    x, y, z = (part.transpose(2, 1, 0) for part in (x, y, z))

    def inside(a: float, b: float, c: float) -> np.ndarray:
        return (x / a) ** 2 + (y / b) ** 2 + ((z - 15) / c) ** 2 < 1

    values = np.zeros(x.shape)
    values[inside(76, 92, 92) | ((np.hypot(x, y - 15) < 50) & (z < 0))] = 300.0
    values[inside(70, 86, 86)] = 15.0
    values[inside(63, 79, 79)] = 220.0
    rng = np.random.default_rng(5)
    noisy = np.hypot(values + rng.normal(0, noise, x.shape), rng.normal(0, noise, x.shape))
    return Volume(noisy.astype(np.float32), Grid(size, spacing, first))


@pytest.fixture(scope="session")
def made_head() -> Volume:
    return head()


@pytest.fixture(scope="session")
def head_at() -> HeadAt:
    """Make the head with another spacing or noise."""
    return head


@pytest.fixture(scope="session")
def limits() -> InputLimits:
    return InputLimits.model_validate(
        {
            "name": "mr",
            "modality": "MR",
            "quantity": "mr-signal",
            "unit": "arbitrary",
            "contrasts": ["T1"],
            "normalisation": {"kind": "foreground-percentile"},
            "age_years_min": 18,
            "distortion_correction_required": True,
            "max_in_plane_mm": 2.0,
            "max_slice_mm": 5.5,
            "field_strength_tesla": [1.0, 3.5],
            "min_field_of_view_mm": 120.0,
            "min_slices": 16,
        }
    )
