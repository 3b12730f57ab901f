"""Telling coarse labels apart into the tissues that they hold, anew for each pair, alike for MR and CT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.generator.atlas import Read
from models.generator.fields import FieldDraw, draw_field, smooth_fields
from models.generator.plan import PathologyPlan
from models.tissues import Mixture, Tissue

_Each = Callable[[str], Tensor]

FINEST_MM = 4.0
"""Step of the lattices of fields that part tissues."""


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """One draw of how mixtures fall apart; thresholds are in standard deviations of the fields, depths in mm."""

    wide: FieldDraw
    fine: FieldDraw
    bundles: FieldDraw
    fat_above: float
    plane_half_width: float
    subcutaneous_mm: float
    orbit_fat_mm: float
    scalp_fat_above: float
    skin_mm: float
    cortex_mm: float
    diploe_above: float
    cortex_in_marrow_below: float
    tooth_above: float
    tooth_depth_mm: float
    wall_above: float
    mucosa_above: float
    opaque_above: float


def draw_structure(rng: np.random.Generator, plan: PathologyPlan, patch_mm: float) -> Structure:
    """Draw how the mixtures of one pair fall apart."""
    opaque = rng.random() < plan.opaque_sinus_share
    return Structure(
        wide=draw_field(rng, patch_mm, FINEST_MM, rng.uniform(8, 20)),
        fine=draw_field(rng, patch_mm, FINEST_MM, rng.uniform(4, 8)),
        bundles=draw_field(rng, patch_mm, FINEST_MM, rng.uniform(7, 16)),
        fat_above=rng.normal(0.6, 0.5),
        plane_half_width=rng.uniform(0.0, 0.22),
        subcutaneous_mm=rng.choice([0.0, rng.uniform(4, 14)]),
        orbit_fat_mm=rng.uniform(8, 15),
        scalp_fat_above=rng.normal(-1.2, 0.5),
        skin_mm=rng.uniform(1.0, 2.8),
        cortex_mm=rng.uniform(1.2, 2.6),
        diploe_above=rng.normal(0.0, 0.8),
        cortex_in_marrow_below=rng.normal(-1.3, 0.4),
        tooth_above=rng.normal(0.6, 0.6),
        tooth_depth_mm=rng.uniform(0.0, 2.0),
        wall_above=rng.normal(-0.9, 0.6),
        mucosa_above=rng.normal(0.6, 0.6),
        opaque_above=rng.normal(0.2, 0.7) if opaque else np.inf,
    )


def divide(read: Read, draws: Sequence[Structure], points: int) -> Tensor:
    """Return the tissue of each voxel, uint8 `Tissue` of shape (b, d, h, w).

    Parameters
    ----------
    read
        What the patches read from their maps.
    draws
        One structure a patch.
    points
        Voxels along a patch's side.
    """
    device = read.code.device
    wide = smooth_fields([d.wide for d in draws], points, device)
    fine = smooth_fields([d.fine for d in draws], points, device)
    bundles = smooth_fields([d.bundles for d in draws], points, device)
    mixed = torch.add(0.65 * fine, wide, alpha=0.75)

    def each(name: str) -> Tensor:
        values = [float(getattr(draw, name)) for draw in draws]
        return torch.tensor(values, device=device)[:, None, None, None]

    soft, scalp = read.code == Mixture.SOFT, read.code == Mixture.SCALP
    # Fat lies in lobes, in thin planes between bundles of muscle, below the skin, and around the eye.
    fat = mixed > each("fat_above")
    fat |= bundles.abs() < each("plane_half_width")
    fat |= read.skin_depth < each("subcutaneous_mm") + 2.0 * wide
    fat |= read.orbit < each("orbit_fat_mm")
    fat &= soft
    fat |= scalp & (mixed > each("scalp_fat_above"))
    skin = (soft | scalp) & (read.skin_depth < each("skin_mm"))

    out = read.code.clone()
    _paint(out, soft | scalp, Tissue.MUSCLE)
    _paint(out, fat, Tissue.FAT)
    _paint(out, skin, Tissue.SKIN)
    _divide_bone(read, out, fine, mixed, each)
    _paint(out, read.code == Mixture.SINUS_WALL, Tissue.MUCOSA)
    _paint(out, (read.code == Mixture.SINUS_WALL) & (mixed > each("wall_above")), Tissue.CORTICAL_BONE)
    _paint(out, (read.code == Tissue.MUCOSA) & (fine > each("mucosa_above")), Tissue.AIR)
    opaque = (read.code == Tissue.AIR) & (read.skin_depth > 0) & (wide > each("opaque_above"))
    _paint(out, opaque, Tissue.MUCOSA)
    return out


def _divide_bone(read: Read, out: Tensor, fine: Tensor, mixed: Tensor, each: _Each) -> None:
    jaw = read.code == Mixture.JAW
    cortex = (read.code == Tissue.CORTICAL_BONE) | (read.code == Mixture.BONE) | jaw
    _paint(out, cortex, Tissue.CORTICAL_BONE)
    diploe = cortex & (read.bone_depth > each("cortex_mm")) & (mixed > each("diploe_above"))
    _paint(out, diploe, Tissue.MARROW)
    _paint(out, (read.code == Mixture.BONE) & (read.bone_depth > each("cortex_mm")), Tissue.SPONGIOSA)
    dense = (read.code == Tissue.MARROW) & (mixed < each("cortex_in_marrow_below"))
    _paint(out, dense, Tissue.CORTICAL_BONE)
    tooth = jaw & (fine > each("tooth_above")) & (read.bone_depth > each("tooth_depth_mm"))
    _paint(out, tooth, Tissue.TOOTH)


def _paint(out: Tensor, where: Tensor, tissue: Tissue) -> None:
    out.masked_fill_(where, int(tissue))
