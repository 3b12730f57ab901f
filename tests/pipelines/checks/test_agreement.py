from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from models.volumes import Grid, Volume
from pipelines.checks.agreement import check_agreement
from pipelines.checks.lattice import thin
from pipelines.contract import Check, Verdict
from pipelines.reasons import TEXTS, text
from pipelines.synthetic_ct_head.pipeline import LIMITS

GRID = Grid((60, 70, 60), (3.0, 3.0, 3.0), (-88.5, -103.5, -88.5))
Z, Y, X = np.indices(GRID.shape) * 3.0 - np.array([88.5, 103.5, 88.5])[:, None, None, None]
CODES = ("bone-dark-in-mr", "dark-rim-bone", "tissue-by-mr", "edges-agree", "left-right-symmetry")

Values = np.ndarray


def ball(a: float, b: float, c: float, at: tuple[float, float, float] = (0, 0, 0)) -> Values:
    return ((X - at[0]) / a) ** 2 + ((Y - at[1]) / b) ** 2 + ((Z - at[2]) / c) ** 2 < 1


def head() -> tuple[Values, Values, Values]:
    """Signal, HU and body: scalp, skull, brain with a core, two ventricles and one lesion on the left."""
    body = ball(78, 94, 84)
    signal, hu = np.where(body, 320.0, 0.0), np.where(body, -60.0, -1000.0)
    for shape, bright, density in (
        (ball(75, 91, 81), 20.0, 1000.0),
        (ball(67, 83, 73), 220.0, 35.0),
        (ball(35, 45, 38, (0, -12, 5)), 330.0, 60.0),
        (ball(8, 25, 12, (14, 5, 5)) | ball(8, 25, 12, (-14, 5, 5)), 100.0, 5.0),
        (ball(14, 16, 14, (40, 30, 15)), 120.0, 15.0),
    ):
        signal[shape], hu[shape] = bright, density
    noisy = np.abs(signal + np.random.default_rng(1).normal(0, 5, signal.shape))
    return noisy.astype(np.float32), hu.astype(np.float32), body


def checked(signal: Values, hu: Values, body: Values) -> dict[str, Check]:
    checks = check_agreement(thin(Volume(signal, GRID), Volume(hu, GRID), body), LIMITS.agreement)
    return {check.name: check for check in checks}


def held(checks: dict[str, Check]) -> set[str]:
    return {name for name, check in checks.items() if check.verdict is Verdict.REVIEW}


def test_a_good_one_passes_and_every_check_has_a_text() -> None:
    checks = checked(*head())
    assert tuple(checks) == CODES
    assert held(checks) == set()
    assert set(CODES) <= set(TEXTS)
    assert all("accepted: from" in text(check.reason) for check in checks.values())


def moved(hu: Values) -> Values:
    return np.roll(hu, 5, axis=1)


def without_skull_cap(hu: Values) -> Values:
    return np.where((hu > 150) & (Z > 0), 40, hu)


def with_half_a_skull(hu: Values) -> Values:
    return np.where((hu > 150) & (X > 0), 40, hu)


def with_bone_for_brain(hu: Values) -> Values:
    return np.where(ball(67, 83, 73), 800, hu)


def of_noise(hu: Values) -> Values:
    return np.where(hu > -900, np.random.default_rng(2).normal(40, 300, hu.shape), hu)


def with_bone_within(hu: Values) -> Values:
    """As much bone as there was, 15 mm too deep: its medians are right."""
    soft = np.where(hu > 150, 40, hu)
    return np.where(ball(60, 76, 66) & ~ball(52, 68, 58), 1000, soft)


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("broken", "least"),
    [
        (moved, {"edges-agree"}),
        (without_skull_cap, {"dark-rim-bone"}),
        (with_half_a_skull, {"dark-rim-bone", "left-right-symmetry"}),
        (with_bone_for_brain, {"tissue-by-mr"}),
        (of_noise, {"dark-rim-bone", "edges-agree", "left-right-symmetry", "tissue-by-mr"}),
        (with_bone_within, {"bone-dark-in-mr", "dark-rim-bone"}),
    ],
)
def test_wrong_anatomy_is_held_by_what_the_mr_shows(broken: Callable[[Values], Values], least: set[str]) -> None:
    signal, hu, body = head()
    assert least <= held(checked(signal, broken(hu).astype(np.float32), body))


def test_a_scanners_uneven_sensitivity_changes_no_verdict() -> None:
    signal, hu, body = head()
    uneven = (signal * (1.0 + 0.4 * np.tanh((Y + Z) / 80.0))).astype(np.float32)
    assert held(checked(uneven, hu, body)) == set()


@pytest.mark.parametrize("turn", [0.06, -0.06])
def test_a_head_that_lies_askew_is_as_symmetrical(turn: float) -> None:
    signal, hu, body = head()

    def sheared(values: Values) -> Values:
        rows = [np.roll(values[:, j], round(turn * (j - 35)), axis=1) for j in range(values.shape[1])]
        return np.stack(rows, axis=1)

    assert held(checked(sheared(signal), sheared(hu), sheared(body))) == set()


@pytest.mark.hazard("HAZ-06")
def test_what_cannot_be_measured_is_held_and_raises_nothing() -> None:
    signal, hu, body = head()
    speck = np.zeros_like(body)
    speck[30, 30, 30] = True
    assert held(checked(signal, hu, speck)) == set(CODES)
    assert held(checked(np.zeros_like(signal), hu, body)) >= {"edges-agree", "tissue-by-mr"}
