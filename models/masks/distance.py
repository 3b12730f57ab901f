"""Distances to a mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK

from models.volumes import Triple


def distance_mm(mask: npt.NDArray[np.bool_], spacing: Triple) -> npt.NDArray[np.float32]:
    """Return the signed distance of every voxel to the edge of `mask`, mm: positive outside, negative inside.

    Parameters
    ----------
    mask
        Boolean array, indexed ``[k, j, i]``, with at least one voxel on either side.
    spacing
        Millimetres between voxels along i, j, k.
    """
    image = SimpleITK.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing)
    distance = SimpleITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    found: npt.NDArray[np.float32] = SimpleITK.GetArrayFromImage(distance)
    return found
