from __future__ import annotations

import numpy as np
import pytest

from models.volumes import Grid, Volume
from pipelines.checks.lattice import Lattice, thin
from pipelines.checks.signal import bright_share, check_signal, largest_void
from pipelines.contract import Check, Verdict
from pipelines.reasons import TEXTS, text
from pipelines.synthetic_ct_head.pipeline import LIMITS

GRID = Grid((60, 70, 60), (3.0, 3.0, 3.0), (-88.5, -103.5, -88.5))
Z, Y, X = np.indices(GRID.shape) * 3.0 - np.array([88.5, 103.5, 88.5])[:, None, None, None]

Values = np.ndarray


def ball(radius: float, at: tuple[float, float, float]) -> Values:
    return np.sqrt((X - at[0]) ** 2 + (Y - at[1]) ** 2 + (Z - at[2]) ** 2) < radius


def head() -> tuple[Values, Values, Values]:
    """Signal, HU and body: bright scalp, dark skull, brain, and a sinus of 12 mm low in the face."""
    radius = np.sqrt((X / 78) ** 2 + (Y / 94) ** 2 + (Z / 84) ** 2)
    body = radius < 1
    signal, hu = np.where(body, 500.0, 0.0), np.where(body, -60.0, -1000.0)
    skull, brain, sinus = radius < 0.95, radius < 0.88, ball(12, (0, -60, -35))
    signal[skull], hu[skull] = 15.0, 900.0
    signal[brain], hu[brain] = 220.0, 35.0
    signal[sinus], hu[sinus] = 5.0, -990.0
    noisy = np.abs(signal + np.random.default_rng(1).normal(0, 5, signal.shape))
    return noisy.astype(np.float32), hu.astype(np.float32), body


def seen(signal: Values, hu: Values, body: Values) -> Lattice:
    return thin(Volume(signal, GRID), Volume(hu, GRID), body)


def checked(of: Lattice) -> dict[str, Check]:
    assert LIMITS.signal is not None
    return {check.name: check for check in check_signal(of, LIMITS.signal)}


def held(of: Lattice) -> set[str]:
    return {name for name, check in checked(of).items() if check.verdict is Verdict.REVIEW}


def test_a_sound_head_with_sinuses_passes_and_every_check_has_a_text() -> None:
    of = seen(*head())
    assert held(of) == set()
    assert all(check.reason.code in TEXTS and "accepted: up to" in text(check.reason) for check in checked(of).values())


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize("written", [-990.0, 35.0, 1200.0])
def test_a_void_round_metal_is_held_whatever_is_written_there(written: float) -> None:
    signal, hu, body = head()
    void = ball(20, (30, 10, 20))
    signal[void], hu[void] = 3.0, written
    of = seen(signal, hu, body)
    assert held(of) == {"signal-void"}
    radius, at_its_centre = largest_void(of)
    assert radius == pytest.approx(20, abs=3)
    assert at_its_centre == written


@pytest.mark.hazard("HAZ-06")
def test_vessels_with_contrast_agent_are_held() -> None:
    signal, hu, body = head()
    for x in (-30, -10, 10, 30):
        signal[(np.hypot(X - x, Y) < 5) & (np.abs(Z) < 50)] = 900.0
    of = seen(signal, hu, body)
    assert held(of) == {"bright-vessels"}
    assert (bright_share(of) or 0) > 0.01


def test_a_scanners_uneven_sensitivity_changes_no_verdict() -> None:
    signal, hu, body = head()
    uneven = signal * (1.0 + 0.4 * np.tanh((Y + Z) / 80.0))
    assert held(seen(uneven.astype(np.float32), hu, body)) == set()


@pytest.mark.hazard("HAZ-06")
def test_what_cannot_be_measured_is_held_and_raises_nothing() -> None:
    signal, hu, body = head()
    speck = np.zeros_like(body)
    speck[30, 30, 30] = True
    assert held(seen(signal, hu, speck)) == {"bright-vessels"}
    assert largest_void(seen(signal, hu, np.zeros_like(body))) == (0.0, None)
