"""Contrasts are plausible when asked for, and the scale of an image is foreseen from its tissues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.generator.contrast import contrast_of, draw_contrast, expected_reference
from models.intensity import reference_intensity
from models.sequences import InversionRecovery, SpinEcho
from models.tissues import CODES, Tissue


def test_air_and_metal_are_silent_and_the_brightest_is_one(plan: Any) -> None:
    for seed in range(40):
        means = draw_contrast(np.random.default_rng(seed), plan.appearance.contrast)
        assert means.shape == (len(Tissue),)
        assert means[Tissue.AIR] == means[Tissue.METAL] == 0
        assert means.min() >= 0
        assert means.max() == pytest.approx(1)


def test_plausible_bone_is_darker_than_brain(plan: Any) -> None:
    always = plan.appearance.contrast.model_copy(update={"plausible_share": 1.0})
    for seed in range(40):
        means = draw_contrast(np.random.default_rng(seed), always)
        assert means[Tissue.CORTICAL_BONE] < means[Tissue.GREY]


def test_dark_fluid_is_frequent(plan: Any) -> None:
    drawn = [draw_contrast(np.random.default_rng(seed), plan.appearance.contrast) for seed in range(300)]
    dark = np.mean([means[Tissue.CSF] < 0.35 * means[Tissue.WHITE] for means in drawn])
    assert 0.3 < dark < 0.75


def test_sequences_order_tissues() -> None:
    t1, t2 = contrast_of(InversionRecovery(2300, 3, 1350)), contrast_of(SpinEcho(4500, 100))
    assert t1[Tissue.FAT] > t1[Tissue.WHITE] > t1[Tissue.GREY] > t1[Tissue.CSF]
    assert t2[Tissue.CSF] > t2[Tissue.GREY] > t2[Tissue.WHITE]


def test_the_foreseen_scale_is_that_of_the_image() -> None:
    rng = np.random.default_rng(0)
    means = contrast_of(SpinEcho(4500, 100))
    shares = np.zeros(CODES)
    shares[[Tissue.WHITE, Tissue.GREY, Tissue.CSF, Tissue.FAT]] = 0.4, 0.4, 0.15, 0.05
    image = means[rng.choice(len(Tissue), 200_000, p=0.4 * shares[: len(Tissue)] + 0.6 * (np.arange(len(Tissue)) == 0))]
    assert expected_reference(means, shares) == pytest.approx(reference_intensity(image), rel=0.01)
