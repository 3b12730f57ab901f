"""Whole-head label maps: FreeSurfer's numbers inside the brain, those of SimNIBS's "charm" outside it (5xx)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from models.anatomy.label_map import Bytes, Mask
from models.tissues import CODES, Mixture, Tissue

TISSUES: dict[int, int] = {
    number: tissue
    for tissue, numbers in {
        Tissue.AIR: (0, 517),
        Tissue.WHITE: (2, 41, 7, 46, 16, 28, 60, 85, 77, 251, 252, 253, 254, 255, 512, 530),
        Tissue.GREY: (3, 42, 8, 47, 17, 18, 53, 54),
        Tissue.DEEP_GREY: (10, 11, 12, 13, 26, 49, 50, 51, 52, 58, 136, 137, 163, 164),
        Tissue.CSF: (4, 5, 14, 15, 24, 43, 44, 72),
        Tissue.EYE: (506,),
        Tissue.BLOOD: (30, 62, 502, 503, 514),
        Tissue.MUCOSA: (509,),
        Tissue.MUSCLE: (508,),
        Tissue.LESION: (25, 57),
        Tissue.CORTICAL_BONE: (515,),
        Tissue.MARROW: (516,),
        Mixture.SOFT: (507,),
        Mixture.SCALP: (511,),
    }.items()
    for number in numbers
}
"""The tissue of each label."""

IN_ORBIT = (506, 508, 530)
"""Labels of the eye, its muscles and its nerve: fat stands between them and the bone."""

_JAW_BELOW_MM = 36.0
_JAW_BEHIND_MM = 48.0
_SINUS_FROM_EYE_MM = 34.0
_SINUS_SKIN_MM = 7.0
_SPECK_MM3 = 10.0


def refined(tissue: Bytes, orbit: Mask, voxel_mm: float) -> Bytes:
    """Take specks of air out, and tell apart what the labels do not: jaws, which carry teeth, and walls of sinuses.

    Landmarks are the eyes; a map without eyes has its specks taken out alone.

    Parameters
    ----------
    tissue
        Codes of one head, [k, j, i] along LPS axes.
    orbit
        True in the eyes, their nerves and muscles.
    voxel_mm
        Side of the cubic voxels.
    """
    tissue = _without_specks(tissue, voxel_mm)
    eyes = np.argwhere(tissue == Tissue.EYE)
    if not len(eyes):
        return tissue
    height, front, _ = eyes.mean(axis=0)
    below = np.arange(tissue.shape[0])[:, None, None] < height - _JAW_BELOW_MM / voxel_mm
    before = np.arange(tissue.shape[1])[None, :, None] < front + _JAW_BEHIND_MM / voxel_mm
    tissue[np.isin(tissue, (Tissue.CORTICAL_BONE, Tissue.MARROW)) & below & before] = Mixture.JAW
    soft = ndimage.binary_dilation(tissue == Mixture.SOFT)
    near = ndimage.distance_transform_edt(~orbit, sampling=voxel_mm) < _SINUS_FROM_EYE_MM
    deep = ndimage.distance_transform_edt(tissue != Mixture.SCALP, sampling=voxel_mm) > _SINUS_SKIN_MM
    inside = _behind_scalp(tissue)
    tissue[(tissue == Tissue.AIR) & inside & soft & near & deep] = Mixture.SINUS_WALL
    return tissue


def _behind_scalp(tissue: Bytes) -> Mask:
    """Return all but the air around the head, slice by slice from above, where a head's outline is closed."""
    filled: Mask = np.stack([ndimage.binary_fill_holes(part) for part in tissue > 0])
    return filled


def _without_specks(tissue: Bytes, voxel_mm: float) -> Bytes:
    """Return the map with single voxels of air in eyes, brain and bone, as automatic maps have them, filled."""
    pieces, _ = ndimage.label(tissue == Tissue.AIR)
    small = np.bincount(pieces.ravel()) * voxel_mm**3 < _SPECK_MM3
    small[0] = False
    k, j, i = np.nonzero(small[pieces])
    out = np.pad(tissue, 1)
    around = [(a, b, c) for a in (0, 1, 2) for b in (0, 1, 2) for c in (0, 1, 2) if (a, b, c) != (1, 1, 1)]
    for _ in range(2):  # the second round reaches the inside of specks of several voxels
        near = np.stack([out[k + a, j + b, i + c] for a, b, c in around])
        counts = np.zeros((CODES, near.shape[1]), np.uint8)
        np.add.at(counts, (near, np.arange(near.shape[1])), 1)
        counts[Tissue.AIR] = 0
        out[k + 1, j + 1, i + 1] = counts.argmax(axis=0)
    return out[1:-1, 1:-1, 1:-1].copy()
