"""The body as one solid: everything inside the skin, airways and sinuses included."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.masks.components import components, without_islands
from models.masks.enclosed import deep_inside
from models.volumes import Grid, Volume

Mask = npt.NDArray[np.bool_]

CT_SKIN_HU = -350.0
"""Between air (-1000) and the fat under the skin (about -100), above their middle: a voxel mostly air stays outside."""

_SHARE_OF_OTSU = 0.35
"""Otsu's threshold may part fat from all else, and muscle next to fat is dark; but ghosts in air are darker still."""

_NOISE_SIGMAS = 5.0
"""The noise of air in magnitude images (Rayleigh) exceeds this in one of 270,000 voxels."""

_RAYLEIGH_MEDIAN = 1.1774
"""The median of that noise, in its sigmas."""

_ISLAND_CC = 50.0
"""Smaller parts that touch nothing are ghosts, or lie inside and are filled with all else that is enclosed."""

_NOISE_MM = 2.0


def mr_body(volume: Volume, inside: Mask) -> Mask:
    """Return the body in an MR volume of any contrast whose air is dark.

    Parameters
    ----------
    volume
        MR on any grid.
    inside
        Which of its voxels the scanner saw, array of ``grid.shape``; all others are neither body nor air.

    Raises
    ------
    InputError
        ``body-not-found`` when nothing in the volume stands out from its background.
    """
    values = volume.values[inside][::7]
    otsu = _otsu(values)
    sigma = float(np.median(values[values < otsu])) / _RAYLEIGH_MEDIAN
    # Where a field lies within the body, Otsu's threshold parts fat from muscle: what is darker is no noise of air.
    noise = _NOISE_SIGMAS * sigma
    threshold = max(_SHARE_OF_OTSU * otsu, noise if noise < otsu else 0.0)
    return solid((volume.values > threshold) & inside, inside, volume.grid)


def ct_body(volume: Volume, inside: Mask) -> Mask:
    """Return the body in a CT volume in HU: what is denser than `CT_SKIN_HU`, made solid.

    Raises
    ------
    InputError
        ``body-not-found`` when everything is air.
    """
    return solid((volume.values > CT_SKIN_HU) & inside, inside, volume.grid)


def solid(tissue: Mask, inside: Mask, grid: Grid) -> Mask:
    """Return the largest connected solid that `tissue` and all that it encloses make.

    Cavities count as enclosed when they are open to the outside only through gaps narrower than 2 cm, or through a face
    of the field; speckle thinner than 2 mm is removed first, and no islands remain. Parts are joined through what they
    enclose before the largest is taken, since a skull may part the brain from the scalp all around.

    Raises
    ------
    InputError
        ``body-not-found`` when no tissue is left.
    """
    compact = without_islands(_opened(tissue, grid), grid, _ISLAND_CC)
    deep = deep_inside(compact, inside, grid)
    whole = compact | (tissue & _dilated(compact, grid)) | deep
    # Axial planes last: what the others fill may close a ring there, and a contour of the body must have no hole.
    for axis in (2, 1, 0):
        _fill_planes(whole, axis)
    whole &= inside
    labels, sizes = components(whole)
    if not sizes[1:].any():
        raise InputError("body-not-found", accepted="an image in which a body stands out from its background")
    largest: Mask = labels == 1 + int(sizes[1:].argmax())
    return largest


def _otsu(values: npt.NDArray[np.float32]) -> float:
    top = float(np.percentile(values, 99.5)) if values.size else 0.0
    if not top > 0:
        raise InputError("body-not-found", accepted="an image in which a body stands out from its background")
    counts, edges = np.histogram(values, bins=256, range=(0.0, top))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    if not np.isfinite(between).any():  # all in one bin: nothing to part
        raise InputError("body-not-found")
    return float(centres[int(np.nanargmax(between))])


def _opened(tissue: Mask, grid: Grid) -> Mask:
    """Drop what is thinner than `_NOISE_MM` in the axial planes: noise and ghosts, not skin over bone."""
    return _in_planes(tissue, cv2.MORPH_OPEN, grid)


def _dilated(mask: Mask, grid: Grid) -> Mask:
    return _in_planes(mask, cv2.MORPH_DILATE, grid)


def _in_planes(mask: Mask, operation: int, grid: Grid) -> Mask:
    width, height = (2 * int(np.ceil(_NOISE_MM / 2 / grid.spacing[axis])) + 1 for axis in (0, 1))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height))
    return np.stack([cv2.morphologyEx(plane, operation, kernel) for plane in mask.astype(np.uint8)]).astype(bool)


def _fill_planes(mask: Mask, axis: int) -> None:
    """Fill, in place, the holes of every plane across `axis`."""
    for index in range(mask.shape[axis]):
        plane = mask[(slice(None),) * axis + (index,)]
        if plane.any():
            outside = cv2.copyMakeBorder(plane.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
            cv2.floodFill(outside, None, (0, 0), 2)
            plane |= outside[1:-1, 1:-1] == 0
