"""How far the synthetic CT is from the truth, which only a phantom has, beside the baseline of water alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset, dcmread

from models.metrics import RegionErrors, region_errors
from models.volumes import Grid, Volume
from node.demo.evidence import Arrived
from pipelines.masks.body import ct_body

Truth = Callable[[Grid], Volume]
"""The true CT in HU on any grid."""

_AIR_HU = -1000.0
_WATER_HU = 0.0


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of the synthetic CT that arrived, and of water in the same outline."""

    synthetic: RegionErrors
    all_water: RegionErrors

    @property
    def beats_water(self) -> bool:
        """Whether it is nearer to the truth than water, in the whole body and in bone."""
        ours, water = self.synthetic, self.all_water
        return ours.mae_body < water.mae_body and ours.mae_bone < water.mae_bone


def measure(images: Sequence[Arrived], truth: Truth) -> Accuracy:
    """Compare the CT that arrived with the truth, inside the true body's outline, cavities included."""
    arrived = _volume([dcmread(one.file) for one in images])
    true = truth(arrived.grid)
    body = ct_body(true, np.ones(true.values.shape, dtype=bool))
    water = np.where(body, _WATER_HU, _AIR_HU).astype(np.float32)
    return Accuracy(
        synthetic=region_errors(true.values, arrived.values, body),
        all_water=region_errors(true.values, water, body),
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
