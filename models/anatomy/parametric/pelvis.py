"""The procedural male pelvis: which tissue stands at a point. Millimetres, LPS, origin between the femoral heads.

A made anatomy of usual adult proportions, different for each seed; no person's. Later rules overwrite earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.anatomy.parametric.drawing import SIDES, Codes, Mask, Sizes, close, fill, fill_walled, within
from models.anatomy.parametric.shapes import Distances, Ellipsoid, Points, Tube, blended, ripple
from models.tissues import Mixture, Tissue

_STREAM = 11


@dataclass(frozen=True, slots=True)
class _Organs:
    """The soft organs of one made man."""

    bladder: Ellipsoid
    bladder_wall_mm: float
    prostate: Ellipsoid
    central_gland: Ellipsoid
    rectum: tuple[Tube, ...]
    gas_above: float
    lesions: tuple[Ellipsoid, ...]


def tissue_at(points: Points, seed: int) -> Codes:
    """Return the `Tissue` or `Mixture` at each of `points`.

    Parameters
    ----------
    points
        Shape (..., 3); about 420 x 320 mm, 120 mm upwards and downwards of the femoral heads make sense.
    seed
        Chooses the person: sizes, places, fillings, lesions.
    """
    flat = points.reshape(-1, 3)
    sizes = Sizes(seed, _STREAM)
    phases = sizes.phases(4)
    codes = np.zeros(len(flat), np.uint8)
    outline = _outline(flat, sizes) + 3.0 * ripple(flat, 160, phases[0])
    fat_mm = sizes.about(24, 0.5)
    codes[outline < 0] = Tissue.FAT
    codes[outline < -(fat_mm + 5.0 * ripple(flat, 90, phases[1]))] = Mixture.SOFT
    deep = outline < -12.0
    organs = _organs(sizes)
    _muscles(codes, flat, sizes)
    _bowel(codes, flat, sizes, deep & (flat[:, 2] > 42.0))
    _bones(codes, flat, sizes, phases[2])
    _vessels(codes, flat)
    _soft_organs(codes, flat, organs, phases[3])
    close(codes, outline)
    return codes.reshape(points.shape[:-1])


def _outline(points: Points, sizes: Sizes) -> Distances:
    wide, deep = sizes.about(182), sizes.about(118)
    trunk = Ellipsoid((0, 12, 120), (wide, deep, 250)).distance(points)
    for side in SIDES:
        leg = Tube((side * 92, 8, -40), (side * 98, 8, -320), sizes.about(82, 0.08))
        buttock = Ellipsoid((side * 70, 62, -15), (80, 62, 80))
        trunk = blended(blended(trunk, leg.distance(points), 40.0), buttock.distance(points), 30.0)
    return trunk


def _organs(sizes: Sizes) -> _Organs:
    filling = sizes.rng.uniform(0.5, 1.3)
    bladder_radii = (sizes.about(36) * filling, sizes.about(30) * filling, sizes.about(28) * filling)
    gland_radii = (sizes.about(25, 0.2), sizes.about(18, 0.2), sizes.about(20, 0.2))
    x, y, z = sizes.shifted((0.0, -6.0, -24.0), 5.0)
    prostate = Ellipsoid((x, y, z), gland_radii)
    centre = Ellipsoid((x, y - 4.0, z + 3.0), (gland_radii[0] * 0.62, gland_radii[1] * 0.6, gland_radii[2] * 0.75))
    bladder = Ellipsoid((x, y - 14.0, z + gland_radii[2] * 0.8 + bladder_radii[2]), bladder_radii, 0.2)
    back = y + gland_radii[1]
    thick = sizes.about(15, 0.4)
    path = [(x, back + 12, z - 34), (x, back + thick + 3, z), (x + 8, back + thick + 22, z + 44), (x + 22, 55, z + 85)]
    rectum = tuple(Tube(one, two, thick) for one, two in pairwise(path))
    lesions = []
    if sizes.happens(0.4):
        place = (x + sizes.rng.uniform(-0.6, 0.6) * gland_radii[0], y + 0.6 * gland_radii[1], z)
        radius = sizes.about(6, 0.4)
        lesions.append(Ellipsoid(place, (radius, radius, radius)))
    gas = float(sizes.rng.normal(0.25, 0.3))
    return _Organs(bladder, sizes.about(4, 0.4), prostate, centre, rectum, gas, tuple(lesions))


def _muscles(codes: Codes, points: Points, sizes: Sizes) -> None:
    for side in SIDES:
        thick = sizes.about(36)
        solids = (
            Ellipsoid((side * 92, 68, 20), (62, thick, 78), 0.25),
            Ellipsoid((side * 128, 10, 45), (26, 46, 62)),
            Ellipsoid((side * 58, 8, -14), (12, 30, 38)),
            Tube((side * 48, 8, 160), (side * 78, -26, -15), sizes.about(17)),
            Tube((side * 70, -46, -40), (side * 72, -44, -320), sizes.about(24)),
            Tube((side * 78, 48, -70), (side * 88, 50, -320), sizes.about(28)),
            Tube((side * 40, -4, -60), (side * 62, 4, -320), sizes.about(24)),
            Tube((side * 28, 100, 160), (side * 26, 112, 60), sizes.about(20)),
        )
        fill(codes, points, Tissue.MUSCLE, solids)


def _bones(codes: Codes, points: Points, sizes: Sizes, phase: Points) -> None:
    rough = 1.2 * ripple(points, 30, phase)
    x, y, z = points.T
    head = sizes.about(24, 0.08)
    bones: list[Distances] = []
    for side in SIDES:
        centre = (side * sizes.about(88, 0.05), 0.0, 0.0)
        hip = Ellipsoid(centre, (head + 13, head + 14, head + 13)).distance(points)
        socket = np.maximum(hip, -Ellipsoid(centre, (head + 3,) * 3).distance(points))
        # The socket is open to the side and downwards, where the neck leaves it.
        bones.append(np.maximum(socket, side * (x - centre[0]) + 0.6 * (-z) - 14.0))
        neck, shaft = (side * 126, 8, -26), (side * 118, 4, -320)
        bones.append(within(points, [Ellipsoid(centre, (head,) * 3), Tube(centre, neck, 13), Tube(neck, shaft, 16)]))
        wing = np.abs(Ellipsoid((side * 10, 25, 98), (122, 86, 105)).distance(points)) - 5.0 - 4.0 * (z > 85)
        bones.append(np.maximum(np.maximum(wing, 34.0 - z), np.maximum(z - 140.0, 62.0 - side * x)))
        bones.append(Tube((side * 76, -22, -6), (side * 9, -54, -28), 8.5).distance(points))
        bones.append(Tube((side * 9, -54, -30), (side * 46, -8, -70), 7.0).distance(points))
        bones.append(Tube((side * 70, 16, -14), (side * 54, 26, -66), 14.0).distance(points))
    sacrum = Ellipsoid((0, 76, 78), (50, 17, 58), -0.45).distance(points)
    coccyx = Tube((0, 84, 22), (0, 66, -8), 6).distance(points)
    lumbar = Tube((0, 46, 138), (0, 40, 170), sizes.about(24)).distance(points)
    bones += [sacrum, coccyx, lumbar, Tube((0, 88, 140), (0, 96, 170), 7).distance(points)]
    for bone in bones:
        codes[bone + rough < 0] = Mixture.BONE
    disc = Ellipsoid((0, 56, 130), (25, 18, 8)).distance(points)
    codes[(disc < 0) & (sacrum > -2)] = Tissue.DISC
    codes[(np.abs(x) < 3.0) & (np.hypot(y + 54, z + 28) < 12)] = Tissue.CARTILAGE
    canal = within(points, [Tube((0, 76, 180), (0, 80, 120), 9), Tube((0, 80, 120), (0, 96, 70), 6)])
    codes[canal < 0] = Tissue.CSF
    codes[canal < -5.0] = Tissue.CORD
    if sizes.happens(0.1):
        place = (float(sizes.rng.choice(SIDES)) * 60, 22.0, 50.0)
        grown = Ellipsoid(place, (14, 14, 14)).distance(points) < 0
        codes[grown & (codes == Mixture.BONE)] = Tissue.LESION


def _vessels(codes: Codes, points: Points) -> None:
    for side in SIDES:
        fill(codes, points, Tissue.BLOOD, [Tube((side * 62, -58, -10), (side * 66, -52, -320), 4.5)])
        fill(codes, points, Tissue.BLOOD, [Tube((side * 30, 10, 130), (side * 62, -58, -10), 4.5)])
        fill(codes, points, Tissue.BLOOD, [Tube((side * 36, 20, 130), (side * 54, -52, -10), 5.5)])


def _bowel(codes: Codes, points: Points, sizes: Sizes, deep: Mask) -> None:
    for _ in range(14):
        start = np.array([sizes.rng.uniform(-75, 75), sizes.rng.uniform(-75, 5), sizes.rng.uniform(55, 150)])
        end = start + sizes.rng.normal(0, 28, 3)
        loop = Tube(_place(start), _place(end), sizes.about(13, 0.35)).distance(points)
        codes[(loop < 0) & deep] = Tissue.MUSCLE
        inside = Tissue.AIR if sizes.happens(0.25) else Tissue.BOWEL
        codes[(loop < -2.5) & deep] = inside


def _soft_organs(codes: Codes, points: Points, organs: _Organs, phase: Points) -> None:
    rectum = within(points, organs.rectum)
    codes[rectum < 0] = Tissue.MUSCLE
    content = ripple(points, 26, phase)
    codes[rectum < -3.5] = Tissue.BOWEL
    codes[(rectum < -3.5) & (content > organs.gas_above)] = Tissue.AIR
    for side in SIDES:
        x, y, z = organs.prostate.centre
        top = z + organs.prostate.radii[2]
        fill(codes, points, Tissue.GLAND, [Ellipsoid((x + side * 17, y + 15, top + 4), (17, 6, 7))])
    fill_walled(codes, points, organs.bladder, organs.bladder_wall_mm, Tissue.MUSCLE, Tissue.URINE)
    fill(codes, points, Tissue.PROSTATE, [organs.prostate])
    inside = organs.prostate.distance(points) < -2.0
    codes[inside & (organs.central_gland.distance(points) < 0)] = Tissue.PROSTATE_CENTRE
    for lesion in organs.lesions:
        codes[inside & (lesion.distance(points) < 0)] = Tissue.LESION


def _place(at: Points) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in at)
    return x, y, z
