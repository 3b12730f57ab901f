"""The procedural lumbar spine in its trunk: vertebrae, discs, canal, cord. Millimetres, LPS, origin in the middle disc.

A made anatomy of usual adult proportions, different for each seed; no person's. Later rules overwrite earlier ones.
"""

from __future__ import annotations

import numpy as np

from models.anatomy.parametric.drawing import SIDES, Codes, Sizes, close, fill
from models.anatomy.parametric.shapes import Ellipsoid, Points, Tube, ripple
from models.tissues import Mixture, Tissue

_STREAM = 12


def tissue_at(points: Points, seed: int) -> Codes:
    """Return the `Tissue` or `Mixture` at each of `points`.

    Parameters
    ----------
    points
        Shape (..., 3); about 380 x 300 mm, 120 mm upwards and downwards of the origin make sense.
    seed
        Chooses the person: sizes, curvature, fillings, lesions.
    """
    flat = points.reshape(-1, 3)
    sizes = Sizes(seed, _STREAM)
    phases = sizes.phases(4)
    x, y, z = flat.T
    outline = Ellipsoid((0, -32, 0), (sizes.about(165), sizes.about(112), 900)).distance(flat)
    outline = outline + 2.5 * ripple(flat, 150, phases[0])
    codes = np.zeros(len(flat), np.uint8)
    codes[outline < 0] = Tissue.FAT
    codes[outline < -(sizes.about(18, 0.5) + 4.0 * ripple(flat, 80, phases[1]))] = Mixture.SOFT
    _abdomen(codes, flat, sizes)
    bend = sizes.rng.uniform(4, 16)
    back = y - bend * np.cos(z / 90.0)  # the lordosis bends all that follows
    along = np.stack([x, back, z], axis=-1)
    _muscles(codes, along, sizes)
    _vertebrae(codes, along, sizes, phases[2])
    _canal(codes, along, sizes, phases[3])
    close(codes, outline)
    return codes.reshape(points.shape[:-1])


def _abdomen(codes: Codes, points: Points, sizes: Sizes) -> None:
    fill(codes, points, Tissue.LIVER, [Ellipsoid(sizes.shifted((-85, -45, 95), 10), (60, 62, 60))])
    fill(codes, points, Tissue.SPLEEN, [Ellipsoid(sizes.shifted((110, 5, 95), 8), (26, 38, 48))])
    for side in SIDES:
        place = sizes.shifted((side * 62, 2, 45), 8)
        fill(codes, points, Tissue.KIDNEY, [Ellipsoid(place, (24, 22, 52), 0.2)])
        fill(codes, points, Tissue.URINE, [Ellipsoid((place[0] - side * 12, place[1] - 2, place[2]), (7, 8, 18))])
    for _ in range(10):
        start = sizes.shifted((0, -70, -30), 60)
        loop = Tube(start, sizes.shifted(start, 35), sizes.about(14, 0.3)).distance(points)
        codes[(loop < 0) & (points[:, 1] < -28)] = Tissue.MUSCLE
        inside = Tissue.AIR if sizes.happens(0.3) else Tissue.BOWEL
        codes[(loop < -2.5) & (points[:, 1] < -28)] = inside
    fill(
        codes,
        points,
        Tissue.BLOOD,
        [Tube((8, -28, -40), (6, -30, 400), 9.5), Tube((-16, -26, -400), (-18, -28, 400), 10)],
    )


def _muscles(codes: Codes, points: Points, sizes: Sizes) -> None:
    for side in SIDES:
        thick = sizes.about(25, 0.2)
        fill(codes, points, Tissue.MUSCLE, [Ellipsoid((side * 36, 48, 0), (thick + 8, thick, 500))])
        fill(codes, points, Tissue.MUSCLE, [Ellipsoid((side * 42, -2, -50), (sizes.about(20, 0.2), 22, 130))])
        fill(codes, points, Tissue.MUSCLE, [Ellipsoid((side * 78, 30, 0), (22, 12, 300))])


def _vertebrae(codes: Codes, points: Points, sizes: Sizes, phase: Points) -> None:
    x, y, z = points.T
    level, thick = sizes.about(37, 0.08), sizes.about(10, 0.25)
    wide, deep = sizes.about(25, 0.1), sizes.about(18, 0.1)
    rise = np.mod(z + thick / 2, level)
    disc_here = rise < thick
    # Bodies are waisted: narrowest half-way between two discs.
    waist = 2.5 * np.sin(np.pi * np.clip((rise - thick) / (level - thick), 0, 1))
    radial = np.hypot(x / (wide - waist), y / (deep - waist))
    rough = 0.03 * ripple(points, 16, phase)
    body = radial + rough < 1
    codes[body & ~disc_here] = Mixture.BONE
    codes[body & disc_here] = Tissue.DISC
    bulge = sizes.rng.uniform(0, 0.12)
    codes[disc_here & (radial < 1 + bulge) & ~body] = Tissue.DISC
    high = (rise > thick) & (rise < thick + 0.62 * (level - thick))
    ring = np.hypot(x / 17.0, (y - deep - 12) / 15.0)
    codes[high & (ring < 1.0) & (y > deep - 4)] = Mixture.BONE
    spinous = (np.abs(x) < 4) & (y > deep + 22) & (y < deep + 52) & (rise > thick) & (rise < thick + 20)
    codes[spinous] = Mixture.BONE
    processes = (np.hypot(y - deep - 6, (rise - thick - 14)) < 6) & (np.abs(x) < sizes.about(40))
    codes[processes] = Mixture.BONE
    joints = (np.hypot(np.abs(x) - 17, y - deep - 14) < 8) & (np.abs(rise - thick / 2) < 13)
    codes[joints] = Mixture.BONE
    if sizes.happens(0.2):
        place = (sizes.rng.uniform(-10, 10), sizes.rng.uniform(-6, 6), level / 2)
        radius = sizes.about(8, 0.4)
        grown = Ellipsoid(place, (radius, radius, radius)).distance(points) < 0
        codes[grown & (codes == Mixture.BONE)] = Tissue.LESION
    codes[(codes == Tissue.DISC) & (rough > sizes.rng.uniform(0.015, 0.04))] = Tissue.CARTILAGE


def _canal(codes: Codes, points: Points, sizes: Sizes, phase: Points) -> None:
    x, y, z = points.T
    behind = 18.0 + sizes.about(11, 0.1)
    radius = sizes.about(9, 0.15)
    away = np.hypot(x, y - behind)
    codes[away < radius + 2.5] = Tissue.FAT
    codes[away < radius] = Tissue.CSF
    conus = sizes.rng.uniform(10, 60)
    cord = np.clip((z - conus) / 25.0 + 1.0, 0.0, 1.0) * sizes.about(5, 0.15)
    codes[away < cord] = Tissue.CORD
    roots = (z < conus) & (ripple(points * np.array([1.0, 1.0, 0.08]), 7.0, phase) > 0.25)
    codes[roots & (away < radius - 1.5)] = Tissue.CORD
