"""Regions that planning systems take as one solid: outlines that never touch themselves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]


def solid(mask: Mask) -> Mask:
    """Return `mask` with every slice free of holes and of voxels that meet only at a corner.

    Voxels are added, never taken away: the two others of four that meet at such a corner, and what this encloses.
    Inlets that a single corner closes would else make the outline touch itself, which some systems refuse.

    Parameters
    ----------
    mask
        Array [k, j, i].
    """
    filled = mask.copy()
    for plane in filled:
        if plane.any():
            _fill(plane)
    return filled


def _fill(plane: Mask) -> None:
    while True:
        plane |= ndimage.binary_fill_holes(plane)
        a, b, c, d = plane[:-1, :-1], plane[:-1, 1:], plane[1:, :-1], plane[1:, 1:]
        pinched = (a & d & ~b & ~c) | (b & c & ~a & ~d)
        if not pinched.any():
            return
        for part in (a, b, c, d):
            part |= pinched
