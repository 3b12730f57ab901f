"""What lies deep inside a body: bone, sinuses and airways, wherever they open to the outside."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import SimpleITK
from scipy import ndimage

from models.masks.distance import distance_mm
from models.volumes import Grid, Triple

Mask = npt.NDArray[np.bool_]

OPENING_MM = 10.0
"""Nostrils, mouth, ear canals and a windpipe are open to the outside through gaps narrower than twice this."""

SKIN_MM = 6.0
"""The outermost millimetres do not count as deep: there a body's mask follows the signal, into creases too."""

_COARSE_MM = 3.0
"""Sampling that is fine enough, since what is deep is never an edge: half of `SKIN_MM`."""


def deep_inside(mask: Mask, inside: Mask, grid: Grid) -> Mask:
    """Return what lies more than `SKIN_MM` under the surface of `mask` after its openings are closed.

    Parameters
    ----------
    mask
        Tissue, boolean array of ``grid.shape``.
    inside
        Which voxels were seen at all. Beyond them the patient is taken to go on as at the edge, so that a windpipe cut
        by the field's lowest face is inside the neck, and air between an ear and the field's edge stays air.
    grid
        Their grid.
    """
    strides = tuple(max(1, int(_COARSE_MM / grid.spacing[axis])) for axis in (2, 1, 0))
    every = tuple(slice(None, None, stride) for stride in strides)
    x, y, z = (step * stride for step, stride in zip(grid.spacing, reversed(strides), strict=True))
    spacing = (x, y, z)
    margin = tuple(int(np.ceil((OPENING_MM + SKIN_MM) / step)) + 1 for step in reversed(spacing))
    tissue = _continued(mask[every], inside[every], margin, spacing)
    if not tissue.any():
        return np.zeros_like(mask)
    closed = distance_mm(tissue, spacing) <= OPENING_MM
    filled = SimpleITK.BinaryFillhole(SimpleITK.GetImageFromArray(closed.astype(np.uint8)))
    air = SimpleITK.GetArrayViewFromImage(filled) == 0
    if not air.any():
        return np.zeros_like(mask)
    deep = distance_mm(air, spacing) > OPENING_MM + SKIN_MM
    deep = deep[tuple(slice(width, length - width) for width, length in zip(margin, deep.shape, strict=True))]
    for axis, stride in enumerate(strides):
        deep = np.repeat(deep, stride, axis=axis)
    k, j, i = mask.shape
    return deep[:k, :j, :i]


def _continued(mask: Mask, inside: Mask, margin: tuple[int, ...], spacing: Triple) -> Mask:
    """Return `mask` with a margin on all sides, every voxel that was not seen as its nearest one that was."""
    around = [(width, width) for width in margin]
    mask, inside = np.pad(mask, around), np.pad(inside, around)
    nearest = ndimage.distance_transform_edt(
        ~inside, sampling=spacing[::-1], return_distances=False, return_indices=True
    )
    continued: Mask = mask[tuple(nearest)]
    return continued
