"""A sheet of samples to look at: three planes of each pair's MR above the same of its CT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.batches import Batch
from models.generator.pairs import CT, MR

Grey = npt.NDArray[np.uint8]

_MR_WINDOW = (0.0, 1.5)
_CT_WINDOW_HU = (-400.0, 1300.0)
_GAP = 2


def sheet(batch: Batch) -> Grey:
    """Return a picture (height, width): a column a pair; rows are the sagittal, axial and coronal middles."""
    columns = []
    for mr, ct in zip(*(batch.images[name][:, 0].float().cpu().numpy() for name in (MR, CT)), strict=True):
        rows = [_grey(plane, *_MR_WINDOW) for plane in _planes(mr)] + [
            _grey(plane, *_CT_WINDOW_HU) for plane in _planes(ct)
        ]
        columns.append(np.concatenate([np.pad(row, _GAP, constant_values=255) for row in rows], axis=0))
    return np.concatenate(columns, axis=1)


def write_sheet(batch: Batch, file: Path) -> None:
    """Write the sheet of `batch` as a picture, whole or not at all."""
    part = file.with_name(f".part-{file.name}")
    try:
        Image.fromarray(sheet(batch)).save(part, format="PNG")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _planes(values: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
    k, j, i = (count // 2 for count in values.shape)
    return values[::-1, :, i], values[k], values[::-1, j]


def _grey(values: npt.NDArray[np.float32], low: float, high: float) -> Grey:
    grey: Grey = (255.0 * np.clip((values - low) / (high - low), 0.0, 1.0)).astype(np.uint8)
    return grey
