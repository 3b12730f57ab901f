"""The one way in which MR intensities are brought to the scale that networks see, in training and in use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.errors import InputError

CEILING = 3.0
"""Normalised intensities are cut here: vessels and coil hot spots carry no more than "very bright"."""

_BRIGHT = 0.998
_FOREGROUND_SHARE = 0.12
_REFERENCE = 0.90
_LARGEST_SAMPLE = 2_000_000


def reference_intensity(values: npt.NDArray[np.float32]) -> float:
    """Return the intensity that becomes 1: the 90th percentile of the foreground.

    Foreground is what exceeds 12 % of the 99.8th percentile, which leaves out air and noise without needing a mask.

    Parameters
    ----------
    values
        MR intensities of any shape; large volumes are sampled at a fixed stride, so the answer repeats.

    Raises
    ------
    InputError
        If a value is not finite (``intensity-not-finite``), or all are the same or none is positive
        (``intensity-constant``).
    """
    flat = values.ravel()
    if not np.isfinite(flat).all():
        raise InputError("intensity-not-finite", voxels=int((~np.isfinite(flat)).sum()))
    sample = flat[:: max(1, flat.size // _LARGEST_SAMPLE)]
    bright = float(np.quantile(sample, _BRIGHT))
    if bright <= 0 or float(sample.max()) == float(sample.min()):
        raise InputError("intensity-constant", smallest=float(flat.min()), largest=float(flat.max()))
    return float(np.quantile(sample[sample > _FOREGROUND_SHARE * bright], _REFERENCE))


def normalise(values: npt.NDArray[np.float32], reference: float) -> npt.NDArray[np.float32]:
    """Return `values` divided by `reference` and cut to [0, `CEILING`]."""
    scaled: npt.NDArray[np.float32] = np.clip(values / np.float32(reference), 0.0, CEILING).astype(np.float32)
    return scaled
