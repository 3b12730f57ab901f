"""Whether large predicted scales stand where errors are large, whatever their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from models.uncertainty.samples import Floats, Sample

_STEPS = 20


@dataclass(frozen=True, slots=True)
class Sparsification:
    """Mean absolute error of what is left when the least sure voxels are taken away, averaged over images.

    Attributes
    ----------
    removed
        Shares taken away, from 0 to below 1.
    by_scale, by_error
        What is left, as a share of the error of all voxels: taken away by predicted scale, and by the error itself.
    area
        Mean of the first minus the second over `removed` (AUSE; Ilg et al. 2018): 0 is a perfect order.
    """

    removed: tuple[float, ...]
    by_scale: tuple[float, ...]
    by_error: tuple[float, ...]
    area: float


def rank_correlation(samples: Sequence[Sample]) -> float | None:
    """Return Spearman's correlation of scale and error, averaged over images; None where it is defined in none."""
    found = [_spearman(sample) for sample in samples]
    defined = [value for value in found if value is not None]
    return float(np.mean(defined)) if defined else None


def sparsification(samples: Sequence[Sample], steps: int = _STEPS) -> Sparsification:
    """Return how the error falls while the least sure voxels are taken away in `steps` equal steps."""
    removed = np.arange(steps) / steps
    by_scale = np.mean([_left(sample.error, sample.scale, removed) for sample in samples], axis=0)
    by_error = np.mean([_left(sample.error, sample.error, removed) for sample in samples], axis=0)
    return Sparsification(
        tuple(removed.tolist()),
        tuple(by_scale.tolist()),
        tuple(by_error.tolist()),
        float(np.mean(by_scale - by_error)),
    )


def _spearman(sample: Sample) -> float | None:
    if sample.error.size < 2 or np.ptp(sample.scale) == 0 or np.ptp(sample.error) == 0:
        return None
    return float(stats.spearmanr(sample.scale, sample.error).statistic)


def _left(error: Floats, key: Floats, removed: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean error of the voxels with the lowest `key` after each share was removed, over that of all."""
    rising = error[np.argsort(key, kind="stable")].astype(np.float64)
    means = np.cumsum(rising) / np.arange(1, rising.size + 1)
    kept = np.maximum(1, np.rint((1.0 - removed) * rising.size).astype(np.int64))
    left: npt.NDArray[np.float64] = means[kept - 1] / max(float(means[-1]), 1e-12)
    return left
