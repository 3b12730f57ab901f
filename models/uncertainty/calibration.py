"""One factor that makes predicted Laplace scales true to the errors, and how true they are then.

Shares are taken in each image alone, averaged over a patient's images and then over patients: a large body counts no
more than a small one, and a patient with many images no more than one with a single image.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from models.errors import Uncalibrated
from models.metrics import Cohort, over_patients
from models.uncertainty.samples import Sample

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Levels at which coverage is told."""

NOMINAL = 0.9
"""The level at which the factor is fitted: what a reader takes from the map is how far an error may reach."""

_BINS = 10


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """A tenth of the voxels, by rising predicted scale.

    Attributes
    ----------
    lowest, highest
        Scales in the bin after the factor, HU.
    scale
        Their mean, HU: the mean absolute error that they foretell, since a Laplace distribution's mean absolute
        deviation is its scale.
    error
        The mean absolute error found, HU.
    """

    lowest: float
    highest: float
    scale: float
    error: float


def reach(level: float) -> float:
    """Return how many scales around its centre a Laplace distribution holds `level` of its mass."""
    return -log(1.0 - level)


def fit_factor(samples: Sequence[Sample], nominal: float = NOMINAL) -> float:
    """Return the factor on all scales by which `nominal` of the errors, averaged over patients, lie within reach.

    Raises
    ------
    Uncalibrated
        Without samples, or where every error is 0 (``factor-undefined``).
    """
    if not samples:
        raise Uncalibrated("factor-undefined", found="no samples")
    ratios = np.concatenate([sample.error / sample.scale for sample in samples]).astype(np.float64)
    images = Counter(sample.case for sample in samples)
    weights = np.concatenate(
        [np.full(sample.error.size, 1.0 / sample.error.size / images[sample.case]) for sample in samples]
    )
    order = np.argsort(ratios, kind="stable")
    shares = np.cumsum(weights[order]) / len(images)
    factor = float(ratios[order][min(int(np.searchsorted(shares, nominal - 1e-9)), order.size - 1)]) / reach(nominal)
    if not factor > 0:
        raise Uncalibrated("factor-undefined", found="errors of 0 HU", accepted="errors beside the scales")
    return factor


def coverage(samples: Sequence[Sample], factor: float, level: float) -> Cohort | None:
    """Return the share of errors within reach of the scales times `factor`, over patients; None without voxels.

    Its mean is what is stated and judged, and its interval is that mean's.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.error.size:
            within = sample.error <= factor * reach(level) * sample.scale
            shares[sample.case].append(float(within.mean()))
    return over_patients(shares)


def reliability(samples: Sequence[Sample], factor: float, bins: int = _BINS) -> tuple[ReliabilityBin, ...]:
    """Return how large errors are where the predicted scale is small, and where it is large.

    Bins hold equally many of all the voxels together.
    """
    scale = factor * np.concatenate([sample.scale for sample in samples])
    error = np.concatenate([sample.error for sample in samples])
    order = np.argsort(scale, kind="stable")
    return tuple(
        ReliabilityBin(
            lowest=float(scale[part[0]]),
            highest=float(scale[part[-1]]),
            scale=float(scale[part].mean(dtype=np.float64)),
            error=float(error[part].mean(dtype=np.float64)),
        )
        for part in np.array_split(order, bins)
        if part.size
    )


def calibration_error(table: Sequence[ReliabilityBin]) -> float:
    """Return the mean of |error - scale| / scale over the bins: 0 is perfect (ENCE, Levi et al. 2022)."""
    return float(np.mean([abs(one.error - one.scale) / one.scale for one in table]))
