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
        local = points - np.asarray(self.centre)
        if self.pitch:
            cosine, sine = np.cos(self.pitch), np.sin(self.pitch)
            y, z = local[..., 1], local[..., 2]
            local = np.stack([local[..., 0], cosine * y + sine * z, cosine * z - sine * y], axis=-1)
        scaled = local / np.asarray(self.radii)
        norm = np.sqrt((scaled**2).sum(axis=-1))
        slope = np.sqrt(((scaled / np.asarray(self.radii)) ** 2).sum(axis=-1))
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
        start, axis = np.asarray(self.start), np.asarray(self.end) - np.asarray(self.start)
        local = points - start
        share = np.clip(local @ axis / float(axis @ axis), 0.0, 1.0)
        away: Distances = np.linalg.norm(local - share[..., None] * axis, axis=-1) - self.radius
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
