"""A body around organs, where an atlas has organs and no outline."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from models.anatomy.label_map import Bytes
from models.tissues import Mixture, Tissue

_BRIDGED_MM = 22.0
_BEYOND_MM = 14.0
_SCALP_MM = 7.0


def enclosed(tissue: Bytes, voxel_mm: float) -> Bytes:
    """Return `tissue` with soft tissue between and around what is labelled, and skin with fat around that.

    Gaps to 44 mm are bridged; the body ends 14 mm beyond what is labelled. What leaves the map goes on at its border,
    as the labels do.

    Parameters
    ----------
    tissue
        Values of `Tissue` or `Mixture`, [k, j, i]; air where nothing is labelled.
    voxel_mm
        Side of the cubic voxels.
    """
    away = ndimage.distance_transform_edt(tissue == Tissue.AIR, sampling=voxel_mm)
    bridged = away <= _BRIDGED_MM
    inward = ndimage.distance_transform_edt(bridged, sampling=voxel_mm) if not bridged.all() else np.inf
    # Closing by a ball: grown by its radius and shrunk by less, so that a rim is left around all.
    body = bridged & (inward > _BRIDGED_MM - _BEYOND_MM)
    shallow = ndimage.distance_transform_edt(body, sampling=voxel_mm) <= _SCALP_MM if not body.all() else ~body
    out = tissue.copy()
    out[body & (tissue == Tissue.AIR)] = Mixture.SOFT
    out[body & (tissue == Tissue.AIR) & shallow] = Mixture.SCALP
    return out
