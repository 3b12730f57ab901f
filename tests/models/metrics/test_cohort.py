"""Each patient counts once, and the interval is that of patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from models.metrics import over_patients, paired_difference


def test_a_patient_with_many_images_counts_once() -> None:
    found = over_patients({"a": [10.0, 20.0, 30.0], "b": [40.0], "c": []})
    assert found is not None
    assert (found.patients, found.mean, found.median) == (2, 30.0, 30.0)


def test_the_interval_is_scipy_s_and_repeats() -> None:
    values = np.random.default_rng(1).normal(100, 20, 25)
    found = over_patients({f"{n:02}": [float(value)] for n, value in enumerate(values)})
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=0).confidence_interval
    assert found is not None
    assert found.low == pytest.approx(theirs.low, abs=1.0)
    assert found.high == pytest.approx(theirs.high, abs=1.0)
    assert found == over_patients({f"{n:02}": [float(value)] for n, value in reversed(list(enumerate(values)))})


def test_of_one_patient_nothing_is_said() -> None:
    found = over_patients({"a": [1.0, 2.0]})
    assert found is not None
    assert (found.low, found.high) == (None, None)
    assert over_patients({}) is None


def test_a_paired_difference_is_sure_where_patients_differ_and_methods_do_not() -> None:
    ours = {f"{n}": [100.0 * n] for n in range(8)}
    theirs = {name: [values[0] + 5.0] for name, values in ours.items()} | {"other": [1e6]}
    found = paired_difference(ours, theirs)
    assert found is not None
    assert (found.patients, found.mean, found.low, found.high) == (8, -5.0, -5.0, -5.0)
