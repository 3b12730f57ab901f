"""A thinned lattice of a synthetic CT and its MR: the checks that compare both look at some points of the body only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.masks.distance import distance_mm
from models.volumes import Triple, Volume

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

STEP_MM = 3.0
"""Points stand about so far apart. Values are picked, not averaged: means would thin out cortical bone, 2 to 7 mm."""

_LEVEL_MM = 20.0
"""The coil's sensitivity is told from anatomy over such distances: larger than the skull and scalp are thick."""


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """What both images show at the same points; all arrays have one shape, indexed ``[k, j, i]``.

    Attributes
    ----------
    signal
        Of the MR, as read; not negative.
    mr
        The same divided by its mean over the body nearby: 1 is typical, a void is near 0.
    hu
        The synthetic CT as it is written.
    body
        The MR's body.
    depth
        Under the body's surface, mm; negative outside.
    spacing
        Between points along i, j, k, mm.
    """

    signal: Floats
    mr: Floats
    hu: Floats
    body: Mask
    depth: Floats
    spacing: Triple


def thin(mr: Volume, hu: Volume, body: Mask) -> Lattice:
    """Return the lattice of an MR and a synthetic CT on one grid, cropped to the body.

    Parameters
    ----------
    mr, hu
        Both images; the grid is axial.
    body
        Boolean array of their shape with at least one voxel.
    """
    strides = [max(1, round(STEP_MM / step)) for step in hu.grid.spacing]
    every = tuple(slice(0, None, stride) for stride in reversed(strides))
    i, j, k = (step * stride for step, stride in zip(hu.grid.spacing, strides, strict=True))
    (crop,) = ndimage.find_objects(body[every].astype(np.uint8), max_label=1)
    if crop is None:  # a body so thin that no point of the lattice lies in it
        crop = tuple(slice(0, n) for n in body[every].shape)
    inner = np.ascontiguousarray(body[every][crop])
    signal = np.maximum(mr.values[every][crop].astype(np.float32), 0.0)
    sigmas = [_LEVEL_MM / step for step in (k, j, i)]
    around = ndimage.gaussian_filter(np.where(inner, signal, np.float32(0)), sigmas, truncate=2.5)
    weight = ndimage.gaussian_filter(inner.astype(np.float32), sigmas, truncate=2.5)
    level = around / np.maximum(weight, np.float32(1e-6))
    relative = np.where(inner & (level > 0), signal / np.maximum(level, np.float32(1e-6)), np.float32(0))
    hollow = np.pad(inner, 1)  # a body that fills the crop has its surface at the crop's faces
    depth = -distance_mm(hollow, (i, j, k))[1:-1, 1:-1, 1:-1] if inner.any() else np.zeros(inner.shape, np.float32)
    values = np.ascontiguousarray(hu.values[every][crop].astype(np.float32))
    return Lattice(signal, relative.astype(np.float32), values, inner, depth, (i, j, k))
