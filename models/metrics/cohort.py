"""From patients to a cohort: each patient counts once, and the interval says how little a few patients tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 2000
_SEED = 20210


@dataclass(frozen=True, slots=True)
class Cohort:
    """One figure over patients.

    Attributes
    ----------
    patients
        How many entered.
    mean, median
        Over patients.
    low, high
        The 95 % interval of the mean; None with fewer than two patients, of which nothing can be said.
    """

    patients: int
    mean: float
    median: float
    low: float | None
    high: float | None


def over_patients(values: Mapping[str, Sequence[float]]) -> Cohort | None:
    """Summarise one figure; None where nobody has it.

    A patient with several images (contrasts, organs) counts once, with their mean. The interval is the percentile
    bootstrap over patients (Efron 1979), seeded, so that it repeats; with few patients it is too narrow rather than
    too wide.

    Parameters
    ----------
    values
        The figure's values by patient.
    """
    means = np.array([np.mean(of_one) for _, of_one in sorted(values.items()) if len(of_one)])
    if not means.size:
        return None
    low, high = _interval(means) if means.size > 1 else (None, None)
    return Cohort(int(means.size), float(means.mean()), float(np.median(means)), low, high)


def paired_difference(ours: Mapping[str, Sequence[float]], theirs: Mapping[str, Sequence[float]]) -> Cohort | None:
    """Summarise ours minus theirs over the patients that have both: the interval of a paired comparison."""
    both = sorted(patient for patient in ours if len(ours[patient]) and len(theirs.get(patient, ())))
    return over_patients({one: [float(np.mean(ours[one]) - np.mean(theirs[one]))] for one in both})


def _interval(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    rng = np.random.default_rng(_SEED)
    drawn = values[rng.integers(values.size, size=(RESAMPLES, values.size))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
