"""Which voxels are compared, and the errors there: the body and, by the true CT, its air, soft tissue and bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.metrics.overlap import confusion
from models.volumes import Array

Mask = npt.NDArray[np.bool_]

SOFT_FROM_HU = -200.0
"""Soft tissue is the body from this to `BONE_ABOVE_HU` in the true CT; below lies air."""

BONE_ABOVE_HU = 250.0
"""Bone is the body above this, in the true CT for errors, in each CT for the overlap."""

THRESHOLDS = (
    f"by the true CT: air below {SOFT_FROM_HU:g} HU, soft tissue {SOFT_FROM_HU:g} to {BONE_ABOVE_HU:g} HU, "
    f"bone above {BONE_ABOVE_HU:g} HU"
)


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors over some voxels, in the unit of the values.

    Attributes
    ----------
    voxels
        How many were compared.
    mae
        Mean absolute error.
    me
        Mean error, prediction minus truth: above 0 the prediction is too high.
    rmse
        Root of the mean squared error.
    """

    voxels: int
    mae: float
    me: float
    rmse: float


@dataclass(frozen=True, slots=True)
class RegionErrors:
    """Errors in HU in the body and in its tissues; None where the true CT has no such tissue.

    Attributes
    ----------
    body, air, soft, bone
        Errors there.
    dice_bone
        Overlap of the bone of both CTs, 0 to 1; None where neither has any.
    """

    body: Errors
    air: Errors | None
    soft: Errors | None
    bone: Errors | None
    dice_bone: float | None


def errors(truth: Array, prediction: Array) -> Errors | None:
    """Return the errors over all voxels given, None where there are none."""
    if not truth.size:
        return None
    difference = prediction.astype(np.float64) - truth
    return Errors(
        voxels=int(difference.size),
        mae=float(np.abs(difference).mean()),
        me=float(difference.mean()),
        rmse=float(np.sqrt(np.square(difference).mean())),
    )


def tissues(truth: Array, body: Mask) -> dict[str, Mask]:
    """Return air, soft tissue and bone of `body` by the thresholds above, from a true CT in HU."""
    bone, air = truth > BONE_ABOVE_HU, truth < SOFT_FROM_HU
    return {"air": body & air, "soft": body & ~air & ~bone, "bone": body & bone}


def region_errors(truth: Array, prediction: Array, body: Mask) -> RegionErrors:
    """Compare `prediction` with `truth`, both HU, inside `body`.

    Raises
    ------
    InputError
        If shapes differ, the mask is empty, or a value inside it is not finite.
    """
    check_comparable(truth, prediction, body)
    true, ours = truth[body], prediction[body]
    inside = np.ones(true.shape, bool)
    whole = errors(true, ours)
    assert whole is not None
    by_tissue = {name: errors(true[where], ours[where]) for name, where in tissues(true, inside).items()}
    return RegionErrors(whole, **by_tissue, dice_bone=confusion(true > BONE_ABOVE_HU, ours > BONE_ABOVE_HU).dice)


def check_comparable(truth: Array, prediction: Array, body: Mask) -> None:
    """Refuse what cannot be compared.

    Raises
    ------
    InputError
        If shapes differ (``shapes-differ``), the mask is empty (``body-empty``), or a value inside it is not finite
        (``values-not-finite``).
    """
    if not truth.shape == prediction.shape == body.shape:
        raise InputError(
            "shapes-differ", truth=str(truth.shape), prediction=str(prediction.shape), body=str(body.shape)
        )
    if not body.any():
        raise InputError("body-empty", shape=str(body.shape))
    for name, values in (("truth", truth), ("prediction", prediction)):
        if strange := int((~np.isfinite(values[body])).sum()):
            raise InputError("values-not-finite", of=name, voxels=strange)
