"""What the parametric bodies share: solids filled in turn, shells, and sizes that differ from seed to seed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from models.anatomy.parametric.shapes import Distances, Ellipsoid, Points, Tube
from models.tissues import Tissue

Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Solid = Ellipsoid | Tube

SIDES = (-1.0, 1.0)
"""Signs of x: right, left (LPS)."""


class Sizes:
    """Lengths of one made person, drawn in a fixed order from a seed."""

    def __init__(self, seed: int, stream: int) -> None:
        self.rng = np.random.default_rng([seed, stream])

    def about(self, usual: float, share: float = 0.12) -> float:
        """Return a length near `usual`, at most `share` of it away."""
        return usual * float(self.rng.uniform(1 - share, 1 + share))

    def shifted(self, place: tuple[float, float, float], by: float) -> tuple[float, float, float]:
        """Return a place at most `by` mm away along each axis."""
        x, y, z = (float(at + self.rng.uniform(-by, by)) for at in place)
        return x, y, z

    def phases(self, count: int) -> npt.NDArray[np.float64]:
        """Return phases for `shapes.ripple`, shape (count, 3)."""
        return self.rng.uniform(0, 2 * np.pi, (count, 3))

    def happens(self, share: float) -> bool:
        """Return whether something that `share` of people have is there."""
        return bool(self.rng.random() < share)


def fill(codes: Codes, points: Points, code: int, solids: Iterable[Solid]) -> None:
    """Fill solids, in place."""
    for solid in solids:
        codes[solid.distance(points) < 0] = code


def fill_walled(codes: Codes, points: Points, solid: Solid, wall_mm: float, wall: int, inside: int) -> Distances:
    """Fill a solid that has a wall within its surface, in place; returns the distances to its surface."""
    away = solid.distance(points)
    codes[away < 0] = wall
    codes[away < -wall_mm] = inside
    return away


def within(points: Points, solids: Iterable[Solid]) -> Distances:
    """Return the signed distance to the nearest of several solids."""
    nearest: Distances = np.min(np.stack([solid.distance(points) for solid in solids]), axis=0)
    return nearest


def close(codes: Codes, outline: Distances) -> None:
    """End a body at its outline, in place: nothing but fat and skin lies within 6 mm of it."""
    codes[outline > -6.0] = Tissue.FAT
    codes[outline > -2.0] = Tissue.SKIN
    codes[outline >= 0] = Tissue.AIR
