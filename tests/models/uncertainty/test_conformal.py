from __future__ import annotations

import numpy as np
import pytest

from models.errors import Uncalibrated
from models.uncertainty.conformal import LEAST_PAIRS, conformal_bound, patient_score


def named(values: list[float]) -> dict[str, float]:
    return {f"patient-{number}": value for number, value in enumerate(values)}


def test_the_bound_is_the_finite_sample_quantile() -> None:
    # 59 patients and 90 %: the 54th smallest, since 0.9 * 60 is 54 and not a hair more.
    bound = conformal_bound(named([float(v) for v in np.random.default_rng(0).permutation(59) + 1]))
    assert (bound.error, bound.patients, bound.confidence) == (54.0, 59, 0.9)
    assert conformal_bound(named([float(v) for v in range(1, 61)])).error == 55.0


@pytest.mark.parametrize("pairs", [0, 1, LEAST_PAIRS - 1])
def test_too_few_pairs_are_uncalibrated(pairs: int) -> None:
    with pytest.raises(Uncalibrated) as why:
        conformal_bound(named([1.0] * pairs))
    assert why.value.code == "uncalibrated"
    assert why.value.parameters["pairs"] == pairs
    assert why.value.parameters["accepted"] == "50 or more"


def test_enough_for_the_rule_may_be_too_few_for_the_confidence() -> None:
    with pytest.raises(Uncalibrated, match="99 or more"):
        conformal_bound(named([1.0] * 60), confidence=0.99)
    assert conformal_bound(named([float(v) for v in range(99)]), confidence=0.99).error == 98.0


def test_a_score_that_is_no_number_gives_no_bound() -> None:
    with pytest.raises(Uncalibrated, match="patient-3"):
        conformal_bound(named([1.0] * 3 + [float("nan")] + [1.0] * 56))


def test_it_holds_for_the_next_patient_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    kept = [
        rng.lognormal(3, 1) <= conformal_bound(named(list(rng.lognormal(3, 1, 59))), confidence=0.9).error
        for _ in range(3000)
    ]
    # Exact for continuous scores: 54 of 60; the bounds are four standard errors.
    assert 0.9 - 0.022 < np.mean(kept) < 0.9 + 0.022


def test_a_patients_score_covers_the_share_of_the_body_and_nothing_outside() -> None:
    error = np.array([[-9.0, 1.0, 2.0, 3.0], [4.0, 5.0, 999.0, -999.0]])
    body = np.abs(error) < 900
    assert patient_score(error, body, share=0.5) == 3.0
    assert patient_score(error, body, share=0.84) == 9.0
    assert patient_score(error, body, share=1.0) == 9.0


def test_an_empty_body_has_no_score() -> None:
    with pytest.raises(Uncalibrated, match="score-undefined"):
        patient_score(np.ones(3), np.zeros(3, dtype=bool))
    with pytest.raises(Uncalibrated, match="score-undefined"):
        patient_score(np.array([np.nan, 1.0]), np.ones(2, dtype=bool))
