"""Signals follow the equations."""

from __future__ import annotations

import math

import pytest

from models.errors import InputError
from models.generator.simulation import CONTRASTS as SIMULATED
from models.sequences import CONTRASTS, InversionRecovery, SpinEcho, SpoiledGradientEcho, contrast_named, signals
from models.tissues import Properties, Tissue

WATER = Properties(t1=4000, t2=2000, density=1.0, hu=0, hu_spread=0)


def test_inversion_at_ln2_t1_nulls_a_relaxed_tissue() -> None:
    assert InversionRecovery(tr=1e9, te=0, ti=4000 * math.log(2)).signal(WATER) == pytest.approx(0, abs=1e-9)


def test_full_relaxation_gives_the_density() -> None:
    assert SpinEcho(tr=1e9, te=0).signal(WATER) == pytest.approx(1.0)


def test_echo_time_of_t2_leaves_a_share_of_1_over_e() -> None:
    assert SpinEcho(tr=1e9, te=2000).signal(WATER) == pytest.approx(math.exp(-1))


def test_the_ernst_angle_is_best() -> None:
    ernst = math.degrees(math.acos(math.exp(-20 / 4000)))
    best = SpoiledGradientEcho(tr=20, te=0, flip=ernst).signal(WATER)
    assert best > SpoiledGradientEcho(tr=20, te=0, flip=ernst - 1).signal(WATER)
    assert best > SpoiledGradientEcho(tr=20, te=0, flip=ernst + 1).signal(WATER)


def test_flair_darkens_csf_and_keeps_air_black() -> None:
    flair = signals(InversionRecovery(tr=9000, te=120, ti=2450))
    assert flair[Tissue.CSF] < 0.4 * flair[Tissue.GREY]
    assert flair[Tissue.AIR] == 0
    assert max(flair.values()) == 1


def test_contrasts_are_known_by_name_in_capitals_or_not() -> None:
    assert [contrast_named(name) for name in ("t1", "Flair ", "PD")] == ["T1", "FLAIR", "PD"]
    assert set(SIMULATED) == set(CONTRASTS)
    with pytest.raises(InputError, match="contrast-unknown found=t9 accepted=T1, T2, FLAIR, PD"):
        contrast_named("t9")
