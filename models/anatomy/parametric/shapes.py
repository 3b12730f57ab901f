"""Analytic solids: where a point lies relative to each, in millimetres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""Shape (..., 3): x, y, z in mm, LPS."""

Distances = npt.NDArray[np.float64]
"""Shape (...): negative inside."""


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid with axes along x, y, z, turned about x.

    Attributes
    ----------
    centre, radii
        In mm.
    pitch
        Turn about the x axis in radians, from y towards z.
    """

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    pitch: float = 0.0

    def distance(self, points: Points) -> Distances:
        """Return about the signed distance of `points` to the surface in mm, exact on it and in sign.

        First-order: implicit value over its gradient's length (Taubin 1994).
        """
        # Column by column: sums over an axis of three are several times slower.
        x, y, z = (points[..., axis] - self.centre[axis] for axis in range(3))
        if self.pitch:
            cosine, sine = np.cos(self.pitch), np.sin(self.pitch)
            y, z = cosine * y + sine * z, cosine * z - sine * y
        squares = [(along / radius) ** 2 for along, radius in zip((x, y, z), self.radii, strict=True)]
        norm = np.sqrt(squares[0] + squares[1] + squares[2])
        steep = [square / radius**2 for square, radius in zip(squares, self.radii, strict=True)]
        slope = np.sqrt(steep[0] + steep[1] + steep[2])
        away: Distances = (norm - 1.0) * norm / np.maximum(slope, 1e-9)
        return away


@dataclass(frozen=True, slots=True)
class Tube:
    """A round bar between two points with radius in mm, rounded at its ends."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float

    def distance(self, points: Points) -> Distances:
        """Return the signed distance of `points` to the surface in mm."""
        axis = [end - start for start, end in zip(self.start, self.end, strict=True)]
        length2 = sum(step**2 for step in axis)
        x, y, z = (points[..., i] - self.start[i] for i in range(3))
        share = np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / length2, 0.0, 1.0)
        aside = (x - share * axis[0]) ** 2 + (y - share * axis[1]) ** 2 + (z - share * axis[2]) ** 2
        away: Distances = np.sqrt(aside) - self.radius
        return away


def blended(first: Distances, second: Distances, width: float) -> Distances:
    """Return the union of two solids with their crease smoothed over `width` mm (polynomial smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (second - first) / width, 0.0, 1.0)
    union: Distances = second * (1 - share) + first * share - width * share * (1 - share)
    return union


def ripple(points: Points, wavelength: float, phase: Points) -> Distances:
    """Return a smooth pattern between about -1 and 1, made of sines along turned axes; `phase` has shape (3,)."""
    turned = points @ _TURN.T * (2 * np.pi / wavelength) + phase
    pattern: Distances = (np.sin(turned[..., 0]) + np.sin(turned[..., 1]) + np.sin(turned[..., 2])) / 3.0
    return pattern


_TURN = np.array([[0.80, 0.36, 0.48], [-0.60, 0.48, 0.64], [0.20, -0.78, 0.59]])
