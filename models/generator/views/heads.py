"""Heads as a card says, and heads that something was done to: the gate's hardest cases look nearly right."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.generator.views.bodies import Body
from models.generator.views.rendering import (
    Floats,
    cropped,
    ct_numbers,
    draw_pose,
    extent,
    mr_signal,
    received,
    taken,
)
from models.tissues import AIR_HU
from models.volumes import Grid, Volume

LEAST_KEPT_MM = 130.0
"""A field that reaches this far down from the vertex holds the vault, as the card's least field of view asks."""

_HALF_KEPT_MM = 80.0
_VERTEX_LOST_MM = 45.0
_LEVEL = 0.12

_AXES = tuple(permutations(range(3)))
_SIGNS = tuple(product((1, -1), repeat=3))


def whole_head(rng: np.random.Generator, body: Body) -> Volume:
    """Return a whole head in MR: the field may cut the neck, ears, the tip of the nose and a hair of the vertex."""
    clean = taken(mr_signal(rng, body), body.voxel_mm, draw_pose(rng))
    return received(rng, cropped(clean, _fitting_field(rng, clean)))


def skull_stripped(rng: np.random.Generator, body: Body) -> Volume:
    """Return a brain in MR whose head was taken away, tightly or with a rim."""
    brain = body.brain.astype(np.float32)
    rim = int(rng.choice([0, 0, 1]))
    kept = brain if rim == 0 else ndimage.grey_dilation(brain, size=(2 * rim + 1,) * 3)
    if rng.random() < 0.15:
        kept = ndimage.grey_erosion(kept, size=(3, 3, 3))
    clean = taken(mr_signal(rng, body) * kept, body.voxel_mm, draw_pose(rng))
    return received(rng, cropped(clean, _fitting_field(rng, clean)))


def ct_of_head(rng: np.random.Generator, body: Body) -> Volume:
    """Return a head's CT in HU, shifted above 0, or through a display window."""
    clean = taken(ct_numbers(rng, body), body.voxel_mm, draw_pose(rng), AIR_HU)
    volume = cropped(clean, _fitting_field(rng, clean, level=-400.0))
    hu = volume.values + rng.normal(0, rng.uniform(3, 25), volume.values.shape).astype(np.float32)
    return Volume(shown_as_ct(rng, hu), volume.grid)


def shown_as_ct(rng: np.random.Generator, hu: Floats) -> Floats:
    """Return CT numbers as they may come: in HU, from 0, or through a display window."""
    way = rng.choice(["hu", "from-zero", "window"])
    if way == "hu":
        return np.asarray(hu, np.float32)
    if way == "from-zero":
        return np.asarray(np.maximum(hu - np.float32(AIR_HU), 0), np.float32)
    centre, width = rng.choice([(40.0, 400.0), (40.0, 80.0), (400.0, 2000.0), (100.0, 1000.0)])
    return np.asarray(np.clip((hu - centre) / width + 0.5, 0, 1), np.float32)


def half_field(rng: np.random.Generator, body: Body) -> Volume:
    """Return a head of which the field, or a mask, leaves out a third and more, the neck not counted."""
    clean = taken(mr_signal(rng, body), body.voxel_mm, draw_pose(rng))
    bounds, step = _body_bounds(clean)
    side = rng.choice(["superior", "inferior", "left", "right", "anterior", "posterior", "slab"])
    depth, width = (bounds[axis, 1] - bounds[axis, 0] for axis in (1, 2))
    if side in ("superior", "slab"):
        bounds[0, 1] -= rng.uniform(_VERTEX_LOST_MM, 100.0) / step[0]
    if side == "inferior":
        bounds[0, 0] = bounds[0, 1] - rng.uniform(25.0, _HALF_KEPT_MM) / step[0]
    if side == "slab":
        bounds[0, 0] = bounds[0, 1] - rng.uniform(20.0, 70.0) / step[0]
    if side in ("left", "right"):
        bounds[2, int(side == "left")] += (-1 if side == "left" else 1) * rng.uniform(0.33, 0.7) * width
    if side in ("anterior", "posterior"):
        share = rng.uniform(0.33, 0.7) if side == "anterior" else rng.uniform(0.25, 0.6)
        bounds[1, int(side == "posterior")] += (-1 if side == "posterior" else 1) * share * depth
    whole = bounds.round().astype(np.int64)
    if rng.random() < 0.3:
        # The other half is there, but empty.
        masked = np.zeros_like(clean.values)
        k, j, i = (slice(max(0, int(low)), int(high) + 1) for low, high in whole)
        masked[k, j, i] = clean.values[k, j, i]
        return received(rng, Volume(masked, clean.grid))
    return received(rng, cropped(clean, whole))


def wrong_orientation(rng: np.random.Generator, body: Body) -> Volume:
    """Return a whole head whose axes are exchanged or turned round, but for left and right, which no image tells."""
    return turned(rng, whole_head(rng, body))


def turned(rng: np.random.Generator, volume: Volume) -> Volume:
    """Return a volume with its axes in another order or sense; one of the 46 that can be told from the right one."""
    while True:
        axes, signs = _AXES[rng.integers(len(_AXES))], _SIGNS[rng.integers(len(_SIGNS))]
        if axes != (0, 1, 2) or signs[:2] != (1, 1):
            break
    values = volume.values.transpose(axes)[tuple(slice(None, None, sign) for sign in signs)]
    spacing = [volume.grid.spacing[2 - axis] for axis in reversed(axes)]
    size = (values.shape[2], values.shape[1], values.shape[0])
    grid = Grid(size, (spacing[0], spacing[1], spacing[2]), volume.grid.origin, volume.grid.direction)
    return Volume(np.ascontiguousarray(values), grid)


def wrong_scale(rng: np.random.Generator, body: Body) -> Volume:
    """Return a whole head whose header lies about its spacing: along one axis, or along all."""
    volume = whole_head(rng, body)
    factor = np.exp(rng.choice([-1, 1]) * rng.uniform(np.log(1.6), np.log(2.6)))
    factors = np.full(3, factor) if rng.random() < 0.4 else np.where(np.arange(3) == rng.integers(3), factor, 1.0)
    i, j, k = (float(one * by) for one, by in zip(volume.grid.spacing, factors, strict=True))
    return Volume(volume.values, Grid(volume.grid.size, (i, j, k), volume.grid.origin, volume.grid.direction))


def inverted(rng: np.random.Generator, body: Body) -> Volume:
    """Return a whole head with dark and bright exchanged, the air too, as a wrong photometric interpretation does."""
    volume = whole_head(rng, body)
    top = np.float32(np.quantile(volume.values, rng.uniform(0.99, 1.0)))
    return Volume(top - np.minimum(volume.values, top), volume.grid)


def shuffled(rng: np.random.Generator, body: Body) -> Volume:
    """Return a whole head whose slices, or blocks of them, stand in a wrong order."""
    volume = whole_head(rng, body)
    axis = int(rng.integers(3))
    blocks = np.array_split(np.arange(volume.values.shape[axis]), int(rng.integers(3, 9)))
    order = rng.permutation(len(blocks))
    while (order == np.arange(len(blocks))).all():
        order = rng.permutation(len(blocks))
    index = np.concatenate([blocks[block] for block in order])
    return Volume(np.take(volume.values, index, axis), volume.grid)


def _fitting_field(rng: np.random.Generator, clean: Volume, level: float = _LEVEL) -> npt.NDArray[np.int64]:
    """Return the first and last index along k, j, i of a field that a card takes, around the body of `clean`."""
    bounds, step = _body_bounds(clean, level)
    height = (bounds[0, 1] - bounds[0, 0]) * step[0]
    # Positive leaves air, negative cuts: the vertex by a hair, the tip of the nose, the ears.
    bounds[0, 1] += rng.uniform(-3, 25) / step[0]
    if rng.random() < 0.75:
        bounds[0, 0] = bounds[0, 1] - rng.uniform(LEAST_KEPT_MM, max(LEAST_KEPT_MM + 5, height)) / step[0]
    else:
        bounds[0, 0] -= rng.uniform(0, 25) / step[0]
    bounds[1, 0] -= rng.uniform(-18, 25) / step[1]
    bounds[1, 1] += rng.uniform(-5, 25) / step[1]
    bounds[2, 0] -= rng.uniform(-8, 25) / step[2]
    bounds[2, 1] += rng.uniform(-8, 25) / step[2]
    whole: npt.NDArray[np.int64] = bounds.round().astype(np.int64)
    return whole


def _body_bounds(clean: Volume, level: float = _LEVEL) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the body's first and last index along k, j, i, and the voxel's size along them in mm."""
    return extent(clean, level).astype(float), np.array(clean.grid.spacing[::-1])
