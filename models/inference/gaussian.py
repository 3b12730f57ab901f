"""The sampled Gaussian with which a finer source is blurred."""

from __future__ import annotations

from math import ceil

import numpy as np
import numpy.typing as npt

_LEAST_SIGMA = 0.05
"""In voxels; a narrower Gaussian, sampled at voxels, is 1 in the middle and 0 elsewhere to the last digit."""


def taps(sigma: float) -> npt.NDArray[np.float32] | None:
    """Return an odd number of weights that sum to 1, three standard deviations to each side; None for no blur."""
    if sigma < _LEAST_SIGMA:
        return None
    radius = max(1, ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    normed: npt.NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normed
