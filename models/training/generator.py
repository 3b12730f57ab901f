"""Endless training pairs from head maps: sample number n is always the same pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.intensity import normalise, reference_intensity
from models.tissues import Tissue
from models.training.appearance import draw_contrast, draw_ct, draw_mr, mask_outside
from models.training.fields import Floats, smooth_field
from models.training.geometry import draw_placement, sample_indices
from models.training.maps import DEPTH_STEP_MM, OTHER, SCALP, Bytes, HeadMap
from models.training.recipe import GeometryPlan, Recipe

AIR_HU = -1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One training pair, arrays [k, j, i] along LPS axes.

    Attributes
    ----------
    mr
        Normalised MR intensities.
    ct
        HU.
    body
        True inside the body's outline (air cavities included) and the field of view.
    """

    mr: Floats
    ct: Floats
    body: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Tissues of a cube.

    Attributes
    ----------
    tissue
        `Tissue` values.
    body
        True inside the body's outline, air cavities included.
    """

    tissue: Bytes
    body: npt.NDArray[np.bool_]


class PairGenerator:
    """Makes pairs from `maps` as `recipe` says."""

    def __init__(self, maps: Sequence[HeadMap], recipe: Recipe) -> None:
        self._maps = tuple(maps)
        self._recipe = recipe

    def pair(self, number: int) -> Pair:
        """Return pair `number`; the same number, recipe and maps give the same pair."""
        rng = np.random.default_rng([self._recipe.seed, number])
        head = self._maps[int(rng.integers(len(self._maps)))]
        return make_pair(rng, head, self._recipe, self._recipe.patch_voxels)


def make_pair(rng: np.random.Generator, head: HeadMap, recipe: Recipe, voxels: int) -> Pair:
    """Draw one pair of `voxels` cubed from `head`."""
    anatomy = draw_anatomy(rng, head, recipe, voxels)
    box = _field_of_view(rng, recipe.geometry, voxels)
    ct = mask_outside(draw_ct(rng, anatomy.tissue, recipe.voxel_mm), box, AIR_HU)
    means = draw_contrast(rng, recipe.appearance)
    mr = mask_outside(draw_mr(rng, recipe.appearance, means, anatomy.tissue, recipe.voxel_mm), box, 0.0)
    body = mask_outside(anatomy.body.astype(np.float32), box, 0.0) > 0
    # A patch sees other quantiles than the whole head does, which is what the scale's jitter stands for.
    reference = reference_intensity(mr) * float(np.exp(rng.normal(0.0, 0.1)))
    return Pair(normalise(mr, reference), ct, body)


def draw_anatomy(
    rng: np.random.Generator,
    head: HeadMap,
    recipe: Recipe,
    voxels: int,
    centre: npt.NDArray[np.float64] | None = None,
) -> Anatomy:
    """Draw the tissues of a cube of `voxels` a side; `centre` (voxels of the map, k j i) fixes its middle."""
    placement = draw_placement(rng, recipe.geometry, head, voxels * recipe.voxel_mm, centre)
    index = sample_indices(placement, head, voxels, recipe.voxel_mm)
    tissue = head.tissue.ravel()[index]
    bone_depth = head.bone_depth.ravel()[index].astype(np.float32) * np.float32(DEPTH_STEP_MM)
    skin_depth = head.skin_depth.ravel()[index].astype(np.float32) * np.float32(DEPTH_STEP_MM)
    tissue = _divided(rng, tissue, bone_depth, skin_depth, recipe.voxel_mm)
    return Anatomy(_altered(rng, tissue, recipe), skin_depth > 0)


def _divided(rng: np.random.Generator, tissue: Bytes, bone_depth: Floats, skin_depth: Floats, voxel_mm: float) -> Bytes:
    """Divide coarse labels into what they hold, alike for MR and CT."""
    points = tissue.shape[0]
    wide = smooth_field(rng, points, rng.uniform(8, 20) / voxel_mm)
    fine = smooth_field(rng, points, rng.uniform(3.5, 8) / voxel_mm)
    mixed = np.float32(0.75) * wide + np.float32(0.65) * fine
    out = tissue.copy()
    other, scalp = tissue == OTHER, tissue == SCALP
    out[other] = np.where(mixed[other] > rng.normal(0.35, 0.4), Tissue.FAT, Tissue.MUSCLE)
    out[scalp] = np.where(mixed[scalp] > rng.normal(-1.2, 0.5), Tissue.FAT, Tissue.MUSCLE)
    out[(other | scalp) & (skin_depth < rng.uniform(1.0, 2.8))] = Tissue.SKIN
    cortical = (tissue == Tissue.CORTICAL_BONE) & (bone_depth > rng.uniform(1.2, 2.6))
    out[cortical] = np.where(mixed[cortical] > rng.normal(0.0, 0.8), Tissue.MARROW, Tissue.CORTICAL_BONE)
    cancellous = tissue == Tissue.MARROW
    out[cancellous] = np.where(mixed[cancellous] > rng.normal(-1.3, 0.4), Tissue.MARROW, Tissue.CORTICAL_BONE)
    mucosa = tissue == Tissue.MUCOSA
    out[mucosa] = np.where(fine[mucosa] > rng.normal(0.6, 0.6), Tissue.AIR, Tissue.MUCOSA)
    return out


def _altered(rng: np.random.Generator, tissue: Bytes, recipe: Recipe) -> Bytes:
    """Insert a lesion into the brain, or take a piece of the vault away, now and then."""
    if rng.random() < recipe.appearance.lesion_share:
        brain = np.isin(tissue, (Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY))
        tissue = np.where(_ball(rng, brain, (6, 22), recipe.voxel_mm) & brain, np.uint8(Tissue.LESION), tissue)
    if rng.random() < recipe.appearance.craniotomy_share:
        bone = np.isin(tissue, (Tissue.CORTICAL_BONE, Tissue.MARROW))
        filling = np.uint8(rng.choice([Tissue.MUSCLE, Tissue.CSF]))
        tissue = np.where(_ball(rng, bone, (10, 28), recipe.voxel_mm) & bone, filling, tissue)
    return tissue


def _ball(
    rng: np.random.Generator, where: npt.NDArray[np.bool_], radius_mm: tuple[float, float], voxel_mm: float
) -> npt.NDArray[np.bool_]:
    candidates = np.flatnonzero(where)
    if candidates.size == 0:
        return np.zeros_like(where)
    centre = np.unravel_index(int(rng.choice(candidates)), where.shape)
    axes = [
        ((np.arange(n) - c) * voxel_mm / rng.uniform(*radius_mm)) ** 2 for n, c in zip(where.shape, centre, strict=True)
    ]
    distance = axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :]
    wobble = ndimage.zoom(rng.uniform(0.6, 1.4, (4, 4, 4)), np.array(where.shape) / 4, order=1)
    ball: npt.NDArray[np.bool_] = distance < wobble
    return ball


def _field_of_view(rng: np.random.Generator, plan: GeometryPlan, voxels: int) -> tuple[slice, slice, slice]:
    bounds = [[0, voxels] for _ in range(3)]
    if rng.random() < plan.crop_share:
        for axis in rng.permutation(3)[: rng.integers(1, 3)]:
            cut = int(rng.integers(1, max(2, voxels // 3)))
            if rng.random() < 0.5:
                bounds[axis][0] = cut
            else:
                bounds[axis][1] = voxels - cut
    a, b, c = (slice(low, high) for low, high in bounds)
    return a, b, c
