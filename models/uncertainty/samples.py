"""Errors beside the scales that were predicted for them, voxel by voxel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import Uncalibrated
from models.metrics import BONE_ABOVE_HU, SOFT_FROM_HU

Floats = npt.NDArray[np.float32]

TISSUES = ("air", "soft", "bone")
"""Tissues by the true CT, with the thresholds of `models.metrics`."""

MOST_VOXELS = 200_000
"""So many of a body's voxels are kept: neighbours say the same, and hundreds of bodies must fit into memory."""

LEAST_SCALE_HU = 1.0
"""Nothing is held for surer than this: an error beside a scale of 0 is no infinity."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Voxels of one image's body; all arrays have shape (n,).

    Attributes
    ----------
    case
        Whose body it is.
    error
        Absolute error in HU.
    scale
        Predicted Laplace scale in HU.
    truth
        True CT in HU.
    """

    case: str
    error: Floats
    scale: Floats
    truth: Floats

    def of_tissue(self, tissue: str) -> Sample:
        """Return the voxels of one of `TISSUES` alone; there may be none."""
        code = np.digitize(self.truth, (SOFT_FROM_HU, BONE_ABOVE_HU))
        kept = code == TISSUES.index(tissue)
        return Sample(self.case, self.error[kept], self.scale[kept], self.truth[kept])


def sample_of(
    case: str, predicted: Floats, scale: Floats, truth: Floats, body: npt.NDArray[np.bool_], most: int = MOST_VOXELS
) -> Sample:
    """Return at most `most` of the body's voxels that have a scale, evenly spread, so that the answer repeats.

    A scale is judged by what it says: a voxel where it is NaN, since no tile was computed there, counts among the
    image's errors and not here.

    Parameters
    ----------
    predicted, scale, truth, body
        Arrays of one shape; HU, and where to look.

    Raises
    ------
    Uncalibrated
        If the body is empty (``body-empty``) or has no scale at all (``scale-absent``), or a scale is below 0 or
        anything is not finite (``scale-unfit``).
    """
    if not body.any():
        raise Uncalibrated("body-empty", case=case)
    where = np.flatnonzero(body & ~np.isnan(scale))
    if not where.size:
        raise Uncalibrated("scale-absent", case=case, accepted="a scale somewhere in the body")
    where = where[np.linspace(0, where.size - 1, min(most, where.size)).round().astype(np.int64)]
    error = np.abs(predicted.ravel()[where] - truth.ravel()[where]).astype(np.float32)
    scales = scale.ravel()[where].astype(np.float32)
    if not (np.isfinite(error).all() and np.isfinite(scales).all() and (scales >= 0).all()):
        raise Uncalibrated(
            "scale-unfit",
            case=case,
            smallest_scale=float(np.min(scales)),
            accepted="finite predictions with scales of 0 HU or more",
        )
    return Sample(case, error, np.maximum(scales, np.float32(LEAST_SCALE_HU)), truth.ravel()[where].astype(np.float32))


def split_cases(samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Return the samples that fit and those that judge: every second case by name, all of a case on one side.

    Raises
    ------
    Uncalibrated
        With fewer than two cases (``cases-too-few``): what fits may not judge.
    """
    cases = sorted({sample.case for sample in samples})
    if len(cases) < 2:
        raise Uncalibrated("cases-too-few", cases=len(cases), accepted="2 or more, half to fit and half to judge")
    fitting = set(cases[::2])
    return (
        tuple(sample for sample in samples if sample.case in fitting),
        tuple(sample for sample in samples if sample.case not in fitting),
    )
