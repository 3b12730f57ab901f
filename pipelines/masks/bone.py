"""Bone in a synthetic CT, by its Hounsfield units."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.masks.components import without_islands
from models.volumes import Volume

BONE_HU = 200.0
"""Above soft tissue and blood (at most about 80 HU), below cancellous bone's usual range: marrow stays outside."""

SMALLEST_ISLAND_CC = 0.1
"""Single specks above the threshold are noise of the model, not bone."""


def bone_mask(hu: Volume, body: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return what is denser than `BONE_HU` in the body, without islands under `SMALLEST_ISLAND_CC`.

    Parameters
    ----------
    hu
        Synthetic CT, HU.
    body
        Boolean array of ``hu.grid.shape``.
    """
    return without_islands((hu.values > BONE_HU) & body, hu.grid, SMALLEST_ISLAND_CC)
