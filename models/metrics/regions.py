"""Errors in HU by region of the true CT, in one body mask for every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.volumes import Array

SOFT_FROM_HU = -200.0
"""Soft tissue is the body from this to `BONE_ABOVE_HU` in the true CT; below lies air."""

BONE_ABOVE_HU = 250.0
"""Bone is the body above this, in the true CT for errors, in each CT for the overlap."""


@dataclass(frozen=True, slots=True)
class RegionErrors:
    """Mean absolute errors in HU, the signed mean error in HU, and the Dice overlap of bone (0 to 1)."""

    mae_body: float
    mae_soft: float
    mae_bone: float
    bias_body: float
    dice_bone: float


def region_errors(truth: Array, prediction: Array, body: npt.NDArray[np.bool_]) -> RegionErrors:
    """Compare `prediction` with `truth`, both HU, inside `body`.

    Bone that neither has gives a Dice of 1; bone that only one has gives 0. A region without voxels has no mean: NaN.

    Raises
    ------
    InputError
        If shapes differ, the mask is empty, or a value inside it is not finite.
    """
    if not truth.shape == prediction.shape == body.shape:
        raise InputError(
            "shapes-differ", truth=str(truth.shape), prediction=str(prediction.shape), body=str(body.shape)
        )
    if not body.any():
        raise InputError("body-empty", shape=str(body.shape))
    true, ours = truth[body].astype(np.float64), prediction[body].astype(np.float64)
    if not (np.isfinite(true).all() and np.isfinite(ours).all()):
        raise InputError("hu-not-finite")
    error = ours - true
    bone, ours_bone = true > BONE_ABOVE_HU, ours > BONE_ABOVE_HU
    soft = (true >= SOFT_FROM_HU) & ~bone
    both = int(bone.sum() + ours_bone.sum())
    return RegionErrors(
        mae_body=float(np.abs(error).mean()),
        mae_soft=_mean(np.abs(error[soft])),
        mae_bone=_mean(np.abs(error[bone])),
        bias_body=float(error.mean()),
        dice_bone=2.0 * int((bone & ours_bone).sum()) / both if both else 1.0,
    )


def mean_errors(cases: Sequence[RegionErrors]) -> RegionErrors:
    """Return the mean over cases, each case counting once whatever its size."""
    return RegionErrors(
        **{field.name: float(np.mean([getattr(case, field.name) for case in cases])) for field in fields(RegionErrors)}
    )


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
