"""Direction cosines of image planes (PS3.3 C.7.6.2.1.1): what rounding may have done to them, and the same again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

ROUNDING = 0.0005
"""Largest rounding of a direction cosine that is still read: three decimals, as some exports write them.

A direction is then off by up to 0.05 degrees, 0.1 mm at 125 mm from the middle of the field. Two decimals could be off
by half a degree, over a millimetre there, which is a wrong image and not a rounded one.
"""

SAME_ORIENTATION = 2 * ROUNDING
"""How far direction cosines of one volume may differ: by the rounding of two."""

_ORTHONORMAL = 4 * ROUNDING
"""How far rounded cosines' products may be from those of unit vectors: each has up to twice the square root of 3, times
the rounding."""

Axes = npt.NDArray[np.float64]


def orthonormal_axes(cosines: Sequence[float]) -> Axes | None:
    """Return the two orthogonal unit vectors nearest to six direction cosines, array (2, 3).

    None where they are not such vectors but for rounding to three decimals.
    """
    axes = np.asarray(cosines, dtype=np.float64)
    if axes.shape != (6,) or not np.allclose(axes, np.clip(axes, -2.0, 2.0)):
        return None
    axes = axes.reshape(2, 3)
    if not np.allclose(axes @ axes.T, np.eye(2), rtol=0, atol=_ORTHONORMAL):
        return None
    return nearest_orthonormal(axes)


def nearest_orthonormal(axes: Axes) -> Axes:
    """Return the orthonormal vectors nearest to the rows of `axes` (the orthogonal factor of its polar form)."""
    left, _, right = np.linalg.svd(axes, full_matrices=False)
    nearest: Axes = left @ right
    return nearest


def group_orientations(cosines: Sequence[Sequence[float]]) -> list[int]:
    """Return for each image which of the series' orientations it has, numbered in the order of their cosines.

    Images whose cosines differ by no more than rounding are of one orientation, also through others between them, so
    the order of the images changes nothing.
    """
    keys = [tuple(one) for one in cosines]
    representatives = sorted(set(keys))
    groups: list[list[tuple[float, ...]]] = []
    for key in representatives:
        near = [group for group in groups if any(_are_same(key, other) for other in group)]
        merged = [key, *(other for group in near for other in group)]
        groups = [group for group in groups if group not in near] + [merged]
    groups.sort(key=min)
    number = {key: index for index, group in enumerate(groups) for key in group}
    return [number[key] for key in keys]


def _are_same(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return len(first) == len(second) and all(abs(a - b) <= SAME_ORIENTATION for a, b in zip(first, second, strict=True))
