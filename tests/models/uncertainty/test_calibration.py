from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from models.errors import Uncalibrated
from models.uncertainty.calibration import (
    LEVELS,
    calibration_error,
    coverage,
    fit_factor,
    reach,
    reliability,
)
from models.uncertainty.ranking import rank_correlation, sparsification
from models.uncertainty.samples import Sample, sample_of, split_cases


def made(case: str, error: object, scale: object, truth: object = None) -> Sample:
    arrays = [np.asarray(values, np.float32) for values in (error, scale)]
    hu = np.zeros(arrays[0].shape, np.float32) if truth is None else np.asarray(truth, np.float32)
    return Sample(case, arrays[0], arrays[1], hu)


def share(samples: list[Sample], factor: float, level: float) -> float:
    found = coverage(samples, factor, level)
    assert found is not None
    return found.mean


def laplace(case: str, told_over_true: float, seed: int, voxels: int = 40_000) -> Sample:
    """Errors drawn from Laplace distributions whose scales are told wrong by one factor."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(5, 200, voxels)
    return made(case, np.abs(rng.laplace(0, scale)), told_over_true * scale)


def test_reach_is_the_quantile_of_a_laplace_distribution() -> None:
    for level in LEVELS:
        assert stats.laplace.cdf(reach(level)) - stats.laplace.cdf(-reach(level)) == pytest.approx(level)


@pytest.mark.parametrize("told", [0.25, 1.0, 3.0])
def test_a_wrong_unit_of_the_scale_is_found_and_mended_at_every_level(told: float) -> None:
    factor = fit_factor([laplace("a", told, 1), laplace("b", told, 2)])
    assert factor == pytest.approx(1 / told, rel=0.02)
    others = [laplace("c", told, 3), laplace("d", told, 4)]
    for level in LEVELS:
        assert share(others, factor, level) == pytest.approx(level, abs=0.01)


def test_the_factor_by_hand() -> None:
    # Ratios 1 to 10, each a tenth: nine of ten lie within 9, which is factor * ln 10.
    sample = made("a", np.arange(1, 11), np.ones(10))
    assert fit_factor([sample]) == pytest.approx(9 / np.log(10))
    assert share([sample], fit_factor([sample]), 0.9) == pytest.approx(0.9)


def test_a_large_body_counts_no_more_than_a_small_one() -> None:
    small, large = made("a", [1.0] * 10, [1.0] * 10), made("b", [100.0] * 1000, [1.0] * 1000)
    assert share([small, large], 1.0, 0.9) == pytest.approx(0.5)
    assert fit_factor([small, large], nominal=0.5) == pytest.approx(1 / reach(0.5))


def test_a_patient_with_many_images_counts_no_more_than_one_with_a_single_image() -> None:
    often = [made("often", [100.0] * 10, [1.0] * 10)] * 8
    once = [made(f"p{number}", [1.0] * 10, [1.0] * 10) for number in range(9)]
    found = coverage([*often, *once], 1.0, 0.9)
    assert found is not None
    assert (found.patients, found.mean) == (10, pytest.approx(0.9))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.mean < found.high
    assert fit_factor([*often, *once], nominal=0.9) == pytest.approx(1 / reach(0.9))


def test_no_errors_fit_no_factor() -> None:
    with pytest.raises(Uncalibrated, match="factor-undefined"):
        fit_factor([])
    with pytest.raises(Uncalibrated, match="factor-undefined"):
        fit_factor([made("a", [0.0, 0.0], [1.0, 2.0])])


def test_what_has_no_scale_neither_counts_as_certain_nor_is_all_there_may_be() -> None:
    body = np.ones(4, bool)
    values, scale = np.array([9, 1, 2, 9], np.float32), np.array([np.nan, 1, 2, np.nan], np.float32)
    found = sample_of("a", values, scale, np.zeros(4, np.float32), body)
    assert found.scale.tolist() == [1.0, 2.0]
    assert found.error.tolist() == [1.0, 2.0]
    with pytest.raises(Uncalibrated, match="scale-absent"):
        sample_of("a", values, np.full(4, np.nan, np.float32), np.zeros(4, np.float32), body)
    with pytest.raises(Uncalibrated, match="scale-unfit"):
        sample_of("a", values, np.full(4, np.inf, np.float32), np.zeros(4, np.float32), body)


def test_reliability_by_hand() -> None:
    sample = made("a", [1.0, 3.0, 10.0, 30.0], [2.0, 1.0, 20.0, 10.0])
    low, high = reliability([sample], 2.0, bins=2)
    assert (low.lowest, low.highest, low.scale, low.error) == (2.0, 4.0, 3.0, 2.0)
    assert (high.lowest, high.highest, high.scale, high.error) == (20.0, 40.0, 30.0, 20.0)
    assert calibration_error([low, high]) == pytest.approx((1 / 3 + 1 / 3) / 2)


def test_true_scales_have_no_calibration_error_and_wrong_ones_do() -> None:
    sample = laplace("a", 1.0, 5)
    assert calibration_error(reliability([sample], 1.0)) < 0.03
    assert calibration_error(reliability([sample], 2.0)) == pytest.approx(0.5, abs=0.03)


def test_rank_correlation_is_spearmans_averaged_over_images() -> None:
    rng = np.random.default_rng(6)
    samples = [made(str(n), rng.random(500), rng.random(500) + 0.1) for n in range(3)]
    expected = np.mean([stats.spearmanr(s.scale, s.error)[0] for s in samples])
    assert rank_correlation(samples) == pytest.approx(expected)
    assert rank_correlation([made("a", [1.0, 2.0, 3.0], [5.0, 6.0, 9.0])]) == pytest.approx(1.0)
    assert rank_correlation([made("a", [1.0, 2.0], [5.0, 5.0])]) is None


def test_sparsification_by_hand() -> None:
    # By error 4, 3, 2, 1 is left 10/4, 6/3, 3/2, 1; by a scale in the reverse order 10/4, 9/3, 7/2, 4.
    worst = sparsification([made("a", [1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0])], steps=4)
    assert worst.removed == (0.0, 0.25, 0.5, 0.75)
    assert worst.by_error == pytest.approx((1.0, 2.0 / 2.5, 1.5 / 2.5, 1.0 / 2.5))
    assert worst.by_scale == pytest.approx((1.0, 3.0 / 2.5, 3.5 / 2.5, 4.0 / 2.5))
    assert worst.area == pytest.approx((0 + 1 + 2 + 3) / 2.5 / 4)
    assert sparsification([made("a", [1.0, 2.0, 3.0], [10.0, 20.0, 30.0])]).area == pytest.approx(0.0)


def test_tissues_are_parted_by_the_true_ct() -> None:
    sample = made("a", [1.0, 2.0, 3.0, 4.0], [1.0] * 4, truth=[-900.0, -100.0, 200.0, 900.0])
    assert sample.of_tissue("air").error.tolist() == [1.0]
    assert sample.of_tissue("soft").error.tolist() == [2.0, 3.0]
    assert sample.of_tissue("bone").error.tolist() == [4.0]
    assert coverage([sample.of_tissue("bone").of_tissue("air")], 1.0, 0.9) is None


def test_a_sample_keeps_the_body_alone_and_no_more_than_asked() -> None:
    truth = np.zeros((4, 5, 6), np.float32)
    body = np.zeros(truth.shape, bool)
    body[1:3, 1:4, 1:5] = True
    predicted = np.where(body, 7.0, 1e9).astype(np.float32)
    kept = sample_of("a", predicted, np.ones_like(truth), truth, body, most=10)
    assert kept.error.tolist() == [7.0] * 10
    assert sample_of("a", predicted, np.ones_like(truth), truth, body).error.size == 24


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_scales_that_are_none_are_refused(bad: float) -> None:
    values = np.ones((2, 2, 2), np.float32)
    scale = values.copy()
    scale[1, 1, 1] = bad
    with pytest.raises(Uncalibrated, match="scale-unfit"):
        sample_of("a", values, scale, values, values > 0)
    with pytest.raises(Uncalibrated, match="body-empty"):
        sample_of("a", values, values, values, values > 1)


def test_nothing_is_held_for_surer_than_one_hu() -> None:
    truth, predicted = np.zeros(3, np.float32), np.array([5.0, 5.0, 5.0], np.float32)
    kept = sample_of("a", predicted, np.array([0.0, 0.5, 30.0], np.float32), truth, truth == 0)
    assert kept.scale.tolist() == [1.0, 1.0, 30.0]


def test_what_fits_does_not_judge() -> None:
    samples = [made(case, [1.0], [1.0]) for case in ("c", "a", "b", "a", "c")]
    fit, judge = split_cases(samples)
    assert [s.case for s in fit] == ["c", "a", "a", "c"]
    assert [s.case for s in judge] == ["b"]
    with pytest.raises(Uncalibrated, match="cases-too-few"):
        split_cases(samples[:1])
