"""Figures are right against a slow count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.metrics import RegionErrors, mean_errors, region_errors


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_against_a_count_voxel_by_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1000, 1500, (4, 5, 6))
    found = truth + rng.normal(0, 300, truth.shape)
    body = rng.random(truth.shape) < 0.7
    total: dict[str, list[float]] = {"body": [], "soft": [], "bone": []}
    signed, true_bone, found_bone, both = [], 0, 0, 0
    for t, f, b in zip(truth.flat, found.flat, body.flat, strict=True):
        if not b:
            continue
        total["body"].append(abs(f - t))
        signed.append(f - t)
        if t > 250:
            total["bone"].append(abs(f - t))
        elif t >= -200:
            total["soft"].append(abs(f - t))
        true_bone += t > 250
        found_bone += f > 250
        both += t > 250 and f > 250
    result = region_errors(truth, found, body)
    assert result.mae_body == pytest.approx(sum(total["body"]) / len(total["body"]))
    assert result.mae_soft == pytest.approx(sum(total["soft"]) / len(total["soft"]))
    assert result.mae_bone == pytest.approx(sum(total["bone"]) / len(total["bone"]))
    assert result.bias_body == pytest.approx(sum(signed) / len(signed))
    assert result.dice_bone == pytest.approx(2 * both / (true_bone + found_bone))


def test_the_truth_has_no_error() -> None:
    truth = np.linspace(-1000, 1500, 60).reshape(3, 4, 5)
    assert region_errors(truth, truth, np.ones(truth.shape, bool)) == RegionErrors(0, 0, 0, 0, 1)


def test_outside_the_body_nothing_counts() -> None:
    truth, body = np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool)
    body[0, 0, 0] = True
    found = np.full(truth.shape, 900.0)
    found[0, 0, 0] = 10.0
    assert region_errors(truth, found, body).mae_body == 10.0


def test_missed_bone_is_worst_and_absent_bone_is_best() -> None:
    soft, bone, body = np.zeros((2, 2, 2)), np.full((2, 2, 2), 900.0), np.ones((2, 2, 2), bool)
    assert region_errors(bone, soft, body).dice_bone == 0.0
    nothing = region_errors(soft, soft, body)
    assert nothing.dice_bone == 1.0
    assert np.isnan(nothing.mae_bone)


@pytest.mark.parametrize("code", ["shapes-differ", "body-empty", "hu-not-finite"])
def test_what_cannot_be_compared_is_refused(code: str) -> None:
    truth, body = np.zeros((2, 2, 2)), np.ones((2, 2, 2), bool)
    found = np.zeros((2, 2, 3)) if code == "shapes-differ" else np.full((2, 2, 2), np.nan)
    with pytest.raises(InputError) as caught:
        region_errors(truth, found, body if code != "body-empty" else ~body)
    assert caught.value.code == code


def test_each_case_counts_once() -> None:
    cases = [RegionErrors(10, 1, 100, -1, 0.5), RegionErrors(30, 3, 300, 3, 0.7)]
    mean = mean_errors(cases)
    assert (mean.mae_body, mean.mae_soft, mean.mae_bone, mean.bias_body) == (20, 2, 200, 1)
    assert mean.dice_bone == pytest.approx(0.6)
