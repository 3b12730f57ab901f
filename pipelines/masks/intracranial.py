"""The space within the skull on CT."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.volumes import Volume

Mask = npt.NDArray[np.bool_]

SKULL_HU = 300.0
"""Over it a voxel is bone: calcified plexus and blood lie below or are small."""

_CLOSED_MM = 6.0
"""Gaps of the skull up to twice this are closed: sutures, foramina, thin bone of thick slices."""


def intracranial(ct: Volume, margin_mm: float = 0.0) -> Mask:
    """Return what the skull encloses in axial planes, without `margin_mm` beside the bone.

    Parameters
    ----------
    ct
        Head CT in HU on a grid whose k axis goes along the body.
    margin_mm
        How much beside the bone is left out: partial volume there looks like blood.

    Returns
    -------
    Boolean array of the volume's shape; empty where no skull encloses anything.
    """
    x, y, _ = ct.grid.spacing
    inside = np.zeros(ct.grid.shape, dtype=bool)
    closing = max(1, round(_CLOSED_MM / max(x, y)))
    for k, plane in enumerate(ct.values):
        bone = plane > SKULL_HU
        if not bone.any():
            continue
        closed = ndimage.binary_closing(np.pad(bone, closing), iterations=closing)[closing:-closing, closing:-closing]
        enclosed = ndimage.binary_fill_holes(closed) & ~closed
        labels, count = ndimage.label(enclosed)
        if count:
            sizes = np.bincount(labels.ravel())[1:]
            inside[k] = labels == 1 + int(np.argmax(sizes))
    if margin_mm > 0 and inside.any():
        for k in range(len(inside)):
            if inside[k].any():
                inside[k] = ndimage.distance_transform_edt(inside[k], sampling=(y, x)) > margin_mm
    return inside
