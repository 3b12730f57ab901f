"""Errors by region are right against a slow count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.metrics import region_errors


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_against_a_count_voxel_by_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(-1000, 1500, (4, 5, 6))
    found = truth + rng.normal(0, 300, truth.shape)
    body = rng.random(truth.shape) < 0.7
    errors: dict[str, list[float]] = {"body": [], "air": [], "soft": [], "bone": []}
    true_bone, found_bone, both = 0, 0, 0
    for t, f, b in zip(truth.flat, found.flat, body.flat, strict=True):
        if not b:
            continue
        errors["body"].append(f - t)
        errors["bone" if t > 250 else "soft" if t >= -200 else "air"].append(f - t)
        true_bone += t > 250
        found_bone += f > 250
        both += t > 250 and f > 250
    result = region_errors(truth, found, body)
    for region, signed in errors.items():
        one = getattr(result, region)
        assert one.voxels == len(signed)
        assert one.mae == pytest.approx(sum(abs(e) for e in signed) / len(signed))
        assert one.me == pytest.approx(sum(signed) / len(signed))
        assert one.rmse == pytest.approx((sum(e * e for e in signed) / len(signed)) ** 0.5)
    assert result.dice_bone == pytest.approx(2 * both / (true_bone + found_bone))


def test_the_truth_has_no_error() -> None:
    truth = np.linspace(-1000, 1500, 60).reshape(3, 4, 5)
    same = region_errors(truth, truth, np.ones(truth.shape, bool))
    assert all(one is not None and one.mae == one.me == one.rmse == 0 for one in (same.body, same.air, same.bone))
    assert same.dice_bone == 1


def test_outside_the_body_nothing_counts() -> None:
    truth, body = np.zeros((2, 2, 2)), np.zeros((2, 2, 2), bool)
    body[0, 0, 0] = True
    found = np.full(truth.shape, np.nan)
    found[0, 0, 0] = 10.0
    assert region_errors(truth, found, body).body.mae == 10.0


def test_a_tissue_at_its_threshold_is_soft_tissue() -> None:
    truth = np.array([[[-200.1, -200.0, 250.0, 250.1]]])
    result = region_errors(truth, truth, np.ones(truth.shape, bool))
    assert result.air is not None
    assert result.soft is not None
    assert result.bone is not None
    assert (result.air.voxels, result.soft.voxels, result.bone.voxels) == (1, 2, 1)


def test_missed_bone_is_worst_and_absent_bone_is_no_figure() -> None:
    soft, bone, body = np.zeros((2, 2, 2)), np.full((2, 2, 2), 900.0), np.ones((2, 2, 2), bool)
    assert region_errors(bone, soft, body).dice_bone == 0.0
    nothing = region_errors(soft, soft, body)
    assert nothing.dice_bone is None
    assert nothing.bone is None


@pytest.mark.parametrize("code", ["shapes-differ", "body-empty", "values-not-finite"])
def test_what_cannot_be_compared_is_refused(code: str) -> None:
    truth, body = np.zeros((2, 2, 2)), np.ones((2, 2, 2), bool)
    found = np.zeros((2, 2, 3)) if code == "shapes-differ" else np.full((2, 2, 2), np.nan)
    with pytest.raises(InputError) as caught:
        region_errors(truth, found, body if code != "body-empty" else ~body)
    assert caught.value.code == code
