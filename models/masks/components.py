"""Connected parts of a mask, voxels joined by their faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK

from models.volumes import Grid

Mask = npt.NDArray[np.bool_]


def components(mask: Mask) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Return labels (0 is what is not in `mask`, 1 and up its parts) and the number of voxels by label."""
    labelled = SimpleITK.ConnectedComponent(SimpleITK.GetImageFromArray(mask.astype(np.uint8)))
    labels: npt.NDArray[np.integer] = SimpleITK.GetArrayFromImage(labelled)
    return labels, np.bincount(labels.ravel())


def without_islands(mask: Mask, grid: Grid, smallest_cc: float) -> Mask:
    """Return `mask` without its connected parts under `smallest_cc` cubic centimetres."""
    labels, sizes = components(mask)
    large = sizes * float(np.prod(grid.spacing)) / 1000.0 >= smallest_cc
    large[0] = False
    kept: Mask = large[labels]
    return kept
