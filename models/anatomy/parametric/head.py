"""The procedural head: which tissue stands at a point. Millimetres, LPS, origin near the middle of the brain.

A made anatomy of usual adult proportions; no person's. Later rules overwrite earlier ones, as in a drawing.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from models.anatomy.parametric.shapes import Distances, Ellipsoid, Points, Tube, blended, ripple
from models.tissues import Tissue

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]

_SIDES = (-1.0, 1.0)

_CRANIUM = Ellipsoid((0, 5, 25), (80, 99, 79))
_OUTLINE = (
    (Ellipsoid((0, -48, -45), (62, 54, 72)), 25.0),
    (Tube((0, 28, -40), (0, 48, -300), 57), 30.0),
    (Ellipsoid((0, -78, 18), (42, 27, 24)), 14.0),
    (Ellipsoid((0, -101, -26), (12, 15, 22)), 8.0),
    (Ellipsoid((0, -82, -98), (22, 20, 16)), 10.0),
    (Ellipsoid((-73, 16, -18), (7, 14, 27), 0.25), 5.0),
    (Ellipsoid((73, 16, -18), (7, 14, 27), 0.25), 5.0),
)
_CAVITY = Ellipsoid((0, 5, 22), (69, 86, 70))
_CANAL = Tube((0, 30, -10), (0, 44, -300), 10)


def tissue_at(points: Points, seed: int) -> Labels:
    """Return the `Tissue` at each of `points`.

    Parameters
    ----------
    points
        Shape (..., 3).
    seed
        Chooses the small irregularities, not the anatomy.
    """
    flat = points.reshape(-1, 3)
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (6, 3))
    outline = _outline(flat) + 1.2 * ripple(flat, 70, phases[0])
    labels = np.zeros(len(flat), np.uint8)
    inside = outline < 0
    labels[inside] = _inside(flat[inside], outline[inside], phases)
    return labels.reshape(points.shape[:-1])


def _outline(points: Points) -> Distances:
    surface = _CRANIUM.distance(points)
    for solid, width in _OUTLINE:
        surface = blended(surface, solid.distance(points), width)
    return surface


def _inside(points: Points, outline: Distances, phases: Points) -> Labels:
    x, y, z = points.T
    patches = ripple(points, 34, phases[1]) + 0.7 * ripple(points, 17, phases[2])
    labels = np.where(patches > 0.45, Tissue.FAT, Tissue.MUSCLE).astype(np.uint8)
    labels[outline > -(6.0 + 2.0 * patches)] = Tissue.FAT
    labels[outline > -1.8] = Tissue.SKIN
    _face(labels, points, patches)
    _neck(labels, points)
    # The skull's base rises towards the front; the cavity ends on it.
    floor = np.interp(y, [-60.0, -30.0, 15.0, 25.0], [2.0, -2.0, -30.0, -38.0]) + 2.0 * patches
    cavity = np.maximum(_CAVITY.distance(points), 0.85 * (floor - z))
    brow = 9.0 * np.exp(-((x / 26) ** 2) - ((z - 20) / 17) ** 2) * (y < -40)
    thickness = 6.3 + 1.0 * patches + brow
    skull = (cavity >= 0) & (cavity < thickness) & (outline < -3.0)
    table = np.minimum(cavity, thickness - cavity)
    labels[skull] = np.where(table[skull] > 1.9, Tissue.MARROW, Tissue.CORTICAL_BONE)
    _temporal_bone(labels, points, outline, cavity, ripple(points, 5.5, phases[3]))
    _midline_air(labels, points)
    brain = cavity < 0
    labels[brain] = _brain(points[brain], -cavity[brain], phases)
    _canal(labels, points)
    return labels


def _brain(points: Points, depth: Distances, phases: Points) -> Labels:
    x, y, z = points.T
    sulci = np.abs(ripple(points, 21, phases[4]) + 0.5 * ripple(points, 11, phases[5]))
    labels = np.full(len(points), Tissue.WHITE, np.uint8)
    labels[(depth < 7.0) | ((sulci < 0.16) & (depth < 22))] = Tissue.GREY
    labels[(depth < 3.0) | ((sulci < 0.045) & (depth < 17)) | ((np.abs(x) < 1.3) & (z > 40))] = Tissue.CSF
    hindbrain = Ellipsoid((0, 50, -16), (50, 33, 24)).distance(points)
    folia = np.abs(ripple(points, 9, phases[3])) < 0.13
    labels[hindbrain < 2.0] = Tissue.CSF
    labels[hindbrain < 0.0] = Tissue.GREY
    labels[(hindbrain < -4.0) & ~folia] = Tissue.WHITE
    _fill(labels, points, Tissue.WHITE, [Tube((0, 16, 16), (0, 31, -45), 11)])
    _fill(labels, points, Tissue.DEEP_GREY, _pairs((12, 10, 24), (9, 14, 9)))
    _fill(labels, points, Tissue.DEEP_GREY, _pairs((25, -4, 26), (7, 19, 11)))
    _fill(labels, points, Tissue.CSF, _pairs((10, 2, 38), (6, 34, 8)))
    _fill(labels, points, Tissue.CSF, [Ellipsoid((0, 8, 24), (2.5, 15, 11)), Ellipsoid((0, 38, -14), (7, 5, 9))])
    sinus = (np.abs(x) < 4.5) & (depth < 6.0) & (z > 5) & (y > -65)
    labels[sinus] = Tissue.BLOOD
    labels[(depth < 5.0) & (y > 20) & (np.abs(z - 4) < 4)] = Tissue.BLOOD
    return labels


def _face(labels: Labels, points: Points, patches: Distances) -> None:
    _fill(labels, points, Tissue.FAT, _pairs((36, -66, -66), (15, 18, 22)))
    _shell(labels, points, Ellipsoid((0, -68, -42), (36, 28, 27)), 2.2, Tissue.CORTICAL_BONE, Tissue.MARROW)
    for side in _SIDES:
        cheek = Tube((side * 60, -20, -26), (side * 40, -80, -30), 4.5)
        ramus = Tube((side * 50, -4, -34), (side * 44, -14, -86), 6.5)
        body = Tube((side * 44, -14, -86), (side * 9, -84, -98), 7.5)
        for bar in (cheek, ramus, body, Tube((-9, -84, -98), (9, -84, -98), 7.5)):
            _shell(labels, points, bar, 2.4, Tissue.CORTICAL_BONE, Tissue.MARROW)
        orbit = Ellipsoid((side * 31, -58, -13), (19, 30, 16))
        _shell(labels, points, orbit, -1.6, Tissue.CORTICAL_BONE, Tissue.FAT)
        # An orbit has no wall in front.
        front = (orbit.distance(points) < 3.0) & (points[:, 1] < -76) & (labels != Tissue.SKIN)
        labels[front] = Tissue.FAT
        for offset in (-8.0, 8.0):
            _fill(labels, points, Tissue.MUSCLE, [Tube((side * 32, -68, -13 + offset), (side * 20, -32, -11), 1.8)])
        _fill(labels, points, Tissue.WHITE, [Tube((side * 32, -62, -13), (side * 14, -30, -10), 2.2)])
        _fill(labels, points, Tissue.MUSCLE, [Ellipsoid((side * 32, -75, -13), (12.6, 12.6, 12.6))])
        _fill(labels, points, Tissue.EYE, [Ellipsoid((side * 32, -75, -13), (11.6, 11.6, 11.6))])
        _fill(labels, points, Tissue.LENS, [Ellipsoid((side * 32, -82.5, -13), (4.6, 2.2, 4.6))])
        _cavity_with_mucosa(labels, points, Ellipsoid((side * 21, -66, -42), (11, 15, 15)))
    nose = Ellipsoid((0, -80, -38), (11, 30, 18))
    _cavity_with_mucosa(labels, points, nose)
    septum = (np.abs(points[:, 0]) < 1.6) | (np.abs(points[:, 0] - 5 * np.sign(points[:, 0])) < 1.4) & (patches > -0.2)
    labels[(nose.distance(points) < 0) & septum] = Tissue.MUCOSA
    teeth = np.abs(Ellipsoid((0, -60, -77), (26, 32, 60)).distance(points)) < 4.0
    crowns = teeth & (np.abs(points[:, 2] + 78) < 9) & (points[:, 1] < -52)
    labels[crowns] = np.where(np.abs(points[crowns, 2] + 78) < 1.2, Tissue.MUCOSA, Tissue.CORTICAL_BONE)


def _neck(labels: Labels, points: Points) -> None:
    x, y, z = points.T
    axis = np.interp(-z, [10.0, 300.0], [30.0, 44.0])
    ring = np.hypot(x, y - axis)
    body = np.hypot(x, y - axis + 20)
    below = z < -46
    disc = np.mod(z, 19.0) < 4.5
    arch = below & (ring < 17) & ~disc
    labels[arch] = np.where((ring[arch] > 12) & (ring[arch] < 15), Tissue.MARROW, Tissue.CORTICAL_BONE)
    vertebra = below & (body < 12.5)
    inner = np.where(disc, Tissue.MUCOSA, np.where(body > 11.0, Tissue.CORTICAL_BONE, Tissue.MARROW))
    labels[vertebra] = inner[vertebra]
    spine = below & ~disc & (np.abs(x) < 4) & (y - axis > 14) & (y - axis < 36)
    labels[spine] = Tissue.CORTICAL_BONE
    for side in _SIDES:
        _fill(labels, points, Tissue.BLOOD, [Tube((side * 25, 8, -45), (side * 27, 4, -300), 3.2)])
        _fill(labels, points, Tissue.BLOOD, [Tube((side * 31, 14, -45), (side * 33, 8, -300), 5.0)])
    airway = Tube((0, -20, -52), (0, -6, -300), 8)
    _cavity_with_mucosa(labels, points, airway)


def _temporal_bone(labels: Labels, points: Points, outline: Distances, cavity: Distances, cells: Distances) -> None:
    for side in _SIDES:
        mastoid = Ellipsoid((side * 58, 28, -32), (14, 17, 21)).distance(points)
        bone = (mastoid < 0) & (cavity > 0) & (outline < -4.0)
        labels[bone] = np.where((cells > 0.12) & (mastoid < -2.5), Tissue.AIR, Tissue.CORTICAL_BONE)[bone]
        _fill(labels, points, Tissue.CORTICAL_BONE, [Tube((side * 55, 15, -26), (side * 20, -2, -24), 8)])
        _fill(labels, points, Tissue.AIR, [Tube((side * 90, 12, -24), (side * 50, 12, -24), 3.4)])


def _midline_air(labels: Labels, points: Points) -> None:
    # The clivus and the sphenoid carry the sinus behind the nose.
    _shell(labels, points, Ellipsoid((0, -14, -28), (17, 14, 13)), 2.0, Tissue.CORTICAL_BONE, Tissue.MARROW)
    _cavity_with_mucosa(labels, points, Ellipsoid((0, -16, -27), (12, 10, 9)))
    for side in _SIDES:
        _fill(labels, points, Tissue.AIR, [Ellipsoid((side * 9, -90, 19), (7, 4, 9))])


def _canal(labels: Labels, points: Points) -> None:
    outside_cavity = points[:, 2] < -30
    canal = _CANAL.distance(points)
    labels[(canal < 0) & outside_cavity] = Tissue.CSF
    labels[(canal < -4.0) & outside_cavity] = Tissue.WHITE


def _fill(labels: Labels, points: Points, tissue: Tissue, solids: Iterable[Ellipsoid | Tube]) -> None:
    for solid in solids:
        labels[solid.distance(points) < 0] = tissue


def _pairs(centre: tuple[float, float, float], radii: tuple[float, float, float]) -> list[Ellipsoid]:
    return [Ellipsoid((side * centre[0], centre[1], centre[2]), radii) for side in _SIDES]


def _shell(labels: Labels, points: Points, solid: Ellipsoid | Tube, wall: float, of: Tissue, filled: Tissue) -> None:
    """Fill a solid and give it a wall of `wall` mm, inside its surface, or outside it where `wall` is negative."""
    distance = solid.distance(points)
    reachable = labels != Tissue.SKIN
    labels[(distance < max(0.0, -wall)) & reachable] = of
    labels[(distance < min(0.0, -wall)) & reachable] = filled


def _cavity_with_mucosa(labels: Labels, points: Points, solid: Ellipsoid | Tube) -> None:
    distance = solid.distance(points)
    labels[distance < 0] = Tissue.MUCOSA
    labels[distance < -1.2] = Tissue.AIR
