"""The CT of a pair: each tissue's number, drawn anew for each person, with texture and the scanner's blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.generator.acquisition import TEXTURE_MM, by_tissue
from models.generator.fields import FieldDraw, Floats, along_axes, draw_field, slice_matrix, smooth_fields
from models.tissues import AIR_HU, PROPERTIES, Tissue

_BLUR_MM = 0.7
"""Standard deviation of the CT's point spread (0.6 mm) with the partial volume of a nearest-neighbour read."""


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """One draw of a person's CT numbers.

    Attributes
    ----------
    means, spread
        Mean and standard deviation within each `Tissue`, in HU.
    texture
        Field of the variation within tissues.
    """

    means: Floats
    spread: Floats
    texture: FieldDraw


def draw_density(rng: np.random.Generator, extent_mm: float) -> Density:
    """Draw a person's CT numbers for a patch of `extent_mm` a side."""
    means = [PROPERTIES[t].hu + rng.uniform(-1.7, 1.7) * PROPERTIES[t].hu_spread for t in Tissue]
    spread = np.zeros(len(Tissue), np.float32)
    spread[[Tissue.CORTICAL_BONE, Tissue.MARROW]] = rng.uniform(30, 130), rng.uniform(30, 120)
    spread[[Tissue.SPONGIOSA, Tissue.TOOTH]] = rng.uniform(10, 60), rng.uniform(50, 300)
    spread[[Tissue.FAT, Tissue.MUSCLE, Tissue.SKIN, Tissue.MUCOSA, Tissue.GLAND, Tissue.BOWEL]] = 6.0
    texture = draw_field(rng, extent_mm, TEXTURE_MM, rng.uniform(5, 14))
    return Density(np.array(means, np.float32), spread, texture)


def compute_ct(tissue: Tensor, draws: Sequence[Density], voxel_mm: float, highest_hu: float) -> Tensor:
    """Return CT numbers in HU, float32 of the shape (b, d, h, w) of `tissue`, from `AIR_HU` to `highest_hu`."""
    device, points = tissue.device, tissue.shape[-1]
    image = by_tissue(tissue, [draw.means for draw in draws])
    image.addcmul_(
        by_tissue(tissue, [draw.spread for draw in draws]),
        smooth_fields([draw.texture for draw in draws], points, device),
    )
    blur = torch.from_numpy(slice_matrix(points, _BLUR_MM / voxel_mm, 1.0)).to(device).expand(len(draws), -1, -1)
    # Cut before the blur too: what exceeds a scanner's range does not spread over its neighbours.
    return along_axes(image.clamp_(AIR_HU, highest_hu), blur, blur, blur).clamp_(AIR_HU, highest_hu)
