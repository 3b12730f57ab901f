"""Bias by CT number and by tissue (Bland and Altman 1986): where a synthetic CT is too high or too low.

The abscissa is the mean of both CTs. Over the true CT alone, a method that only smooths would seem biased at both ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.metrics.regions import Mask, tissues
from models.volumes import Array

Floats = npt.NDArray[np.float64]

EDGES = np.arange(-1050.0, 3051.0, 100.0)
"""Bins of the mean of both CTs in HU."""

LEAST_SHARE = 1e-3
"""A bin with a smaller share of the voxels is not shown."""

_LIMITS = 1.96


@dataclass(frozen=True, slots=True)
class TissueMeans:
    """Mean CT number of one tissue (by the true CT) in both CTs, HU."""

    tissue: str
    true: float
    synthetic: float


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """One case's voxels in the bins of `EDGES`, and its tissues.

    Attributes
    ----------
    counts, sums, squares
        In each bin: voxels, and the sums of their differences and of the squares of these.
    tissues
        Those that the case has.
    """

    counts: Floats
    sums: Floats
    squares: Floats
    tissues: tuple[TissueMeans, ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin over all cases, each case counting the same: mean difference and 95 % limits of agreement, HU."""

    centre: float
    share: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TissueAgreement:
    """One tissue over patients: mean difference of the tissue's mean CT number, and its 95 % limits, HU.

    The limits are None with fewer than three images.
    """

    tissue: str
    images: int
    mean: float
    low: float | None
    high: float | None


def agreement(truth: Array, prediction: Array, body: Mask) -> Agreement:
    """Count one case."""
    true, ours = truth[body].astype(np.float64), prediction[body].astype(np.float64)
    difference = ours - true
    place = np.clip(np.digitize((true + ours) / 2, EDGES) - 1, 0, len(EDGES) - 2)
    counts, sums, squares = (
        np.bincount(place, weights, minlength=len(EDGES) - 1).astype(np.float64)
        for weights in (np.ones_like(difference), difference, difference**2)
    )
    means = tuple(
        TissueMeans(name, float(truth[where].mean()), float(prediction[where].mean()))
        for name, where in tissues(truth, body).items()
        if where.any()
    )
    return Agreement(counts, sums, squares, means)


def bins(found: Sequence[Agreement]) -> tuple[Bin, ...]:
    """Return the bins that hold enough voxels; each case weighs the same, whatever its size."""
    totals = [one.counts.sum() for one in found]
    counts, sums, squares = (
        np.sum([part / total for part, total in zip(parts, totals, strict=True)], axis=0) / len(found)
        for parts in ([one.counts for one in found], [one.sums for one in found], [one.squares for one in found])
    )
    shown = []
    for index in np.flatnonzero(counts >= LEAST_SHARE):
        mean = sums[index] / counts[index]
        spread = _LIMITS * float(np.sqrt(max(0.0, squares[index] / counts[index] - mean**2)))
        centre = float(EDGES[index] + EDGES[index + 1]) / 2
        shown.append(Bin(centre, float(counts[index]), float(mean), float(mean - spread), float(mean + spread)))
    return tuple(shown)


def by_tissue(found: Sequence[Agreement]) -> tuple[TissueAgreement, ...]:
    """Return the mean difference and the limits of agreement of each tissue, over images."""
    names = dict.fromkeys(one.tissue for case in found for one in case.tissues)
    result = []
    for name in names:
        differences = np.array([t.synthetic - t.true for case in found for t in case.tissues if t.tissue == name])
        mean, low, high = float(differences.mean()), None, None
        if differences.size > 2:
            spread = _LIMITS * float(differences.std(ddof=1))
            low, high = mean - spread, mean + spread
        result.append(TissueAgreement(name, int(differences.size), mean, low, high))
    return tuple(result)
