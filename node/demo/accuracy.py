"""How far the synthetic CT is from the truth, which only a phantom has, beside the baseline of water alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread

from models.fov import inside_fov
from models.metrics import region_errors
from models.volumes import Array, Grid, Volume
from node.demo.evidence import Arrived
from pipelines.masks.body import ct_body
from pipelines.phantoms import ct_series, write_series


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of a phantom.

    Attributes
    ----------
    ct
        Gives the true CT in HU on any grid.
    seed
        Of the phantom; UIDs of the true CT's series follow from it.
    field
        The grid of the MR; nothing is known to a model outside it, so nothing is asked there.
    """

    ct: Callable[[Grid], Volume]
    seed: int
    field: Grid


_AIR_HU = -1000.0
_WATER_HU = 0.0


@dataclass(frozen=True, slots=True)
class MethodErrors:
    """Mean absolute errors in HU, the signed mean error in HU, and the Dice overlap of bone (0 to 1)."""

    mae_body: float
    mae_soft: float
    mae_bone: float
    bias_body: float
    dice_bone: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of the synthetic CT that arrived, and of water in the same outline."""

    synthetic: MethodErrors
    all_water: MethodErrors

    @property
    def finds_bone(self) -> bool:
        """Whether bone is nearer to the truth than water is: without that it is no CT at all."""
        return self.synthetic.mae_bone < self.all_water.mae_bone and self.synthetic.dice_bone > 0


def measure(images: Sequence[Arrived], truth: Truth, folder: Path) -> Accuracy:
    """Compare the CT that arrived with the truth, in the MR's field, inside the true body with its cavities.

    The true CT is written to `folder` as a DICOM series, on the grid and in the frame of reference of what arrived.
    """
    arrived = _volume([dcmread(one.file) for one in images])
    true = truth.ct(arrived.grid)
    write_series(ct_series(true, truth.seed), folder)
    body = ct_body(true, inside_fov(truth.field, arrived.grid))
    water = np.where(body, _WATER_HU, _AIR_HU).astype(np.float32)
    return Accuracy(
        synthetic=_errors(true.values, arrived.values, body),
        all_water=_errors(true.values, water, body),
    )


def _errors(truth: Array, prediction: Array, body: npt.NDArray[np.bool_]) -> MethodErrors:
    found = region_errors(truth, prediction, body)
    if found.soft is None or found.bone is None or found.dice_bone is None:
        raise ValueError("the true CT has no soft tissue or no bone to compare")
    return MethodErrors(
        mae_body=found.body.mae,
        mae_soft=found.soft.mae,
        mae_bone=found.bone.mae,
        bias_body=found.body.me,
        dice_bone=found.dice_bone,
    )


def _volume(slices: list[Dataset]) -> Volume:
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    first = slices[0]
    x, y, z = (float(value) for value in first.ImagePositionPatient)
    step = float(slices[1].ImagePositionPatient[2]) - z
    rows_mm, columns_mm = (float(value) for value in first.PixelSpacing)
    grid = Grid((int(first.Columns), int(first.Rows), len(slices)), (columns_mm, rows_mm, step), (x, y, z))
    stack = np.stack([one.pixel_array for one in slices]).astype(np.float32)
    return Volume(stack * float(first.RescaleSlope) + float(first.RescaleIntercept), grid)
