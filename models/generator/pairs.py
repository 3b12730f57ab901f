"""Endless training pairs from label maps: sample number n is always the same pair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.anatomy import LabelMap
from models.batches import Batch
from models.generator.acquisition import Scan, acquire, draw_scan
from models.generator.atlas import Atlas
from models.generator.contrast import draw_contrast, expected_reference
from models.generator.density import Density, compute_ct, draw_density
from models.generator.fields import Floats
from models.generator.geometry import Placement, draw_field_of_view, draw_placement
from models.generator.inserts import Insert, draw_inserts, insert
from models.generator.plan import PairPlan
from models.generator.structure import Structure, divide, draw_structure
from models.intensity import CEILING
from models.tissues import AIR_HU

_SCALE = 0.84
"""A whole image's own scale over the expected one: the mean over 24 whole heads, most of it the coil's fall-off."""
_SCALE_JITTER = 0.05
"""Standard deviation of the logarithm of the scale, beside about 0.2 by which the expectation misses by itself."""


MR, CT, BODY = "mr", "ct", "body"
"""Names in a batch: MR normalised as `models.intensity` does it, CT in HU, and the mask of the body."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """All that is random in one pair; a draw can be kept and rendered again, on any device.

    Attributes
    ----------
    map
        Number of the label map.
    placement, structure, inserts, density, scan
        What was drawn, see each.
    view
        The part of the patch (k, j, i) that was imaged.
    scale
        Intensity that becomes 1.
    """

    map: int
    placement: Placement
    structure: Structure
    inserts: tuple[Insert, ...]
    density: Density
    scan: Scan
    view: tuple[slice, slice, slice]
    scale: float


class PairGenerator:
    """Makes pairs from `maps` as `plan` says, on `device`.

    Parameters are drawn on the processor, so that they are the same for each device; the noise of single voxels is
    drawn on the device and differs between kinds of device.
    """

    def __init__(self, maps: Iterable[LabelMap], plan: PairPlan, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._atlas = Atlas(maps, self._device)
        self._plan = plan

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return the pairs `numbers`; the same numbers, plan and maps give the same pairs."""
        return self.render([self.draw(number) for number in numbers])

    def draw(self, number: int) -> Draw:
        """Draw all that is random in pair `number`."""
        rng = np.random.default_rng([self._plan.seed, number])
        return self.draw_from(rng, int(rng.integers(len(self._atlas))))

    def draw_from(self, rng: np.random.Generator, chosen: int, centre: npt.NDArray[np.float64] | None = None) -> Draw:
        """Draw all that is random in a pair of map `chosen`; `centre` (voxels, k j i) fixes where the patch looks."""
        plan, atlas = self._plan, self._atlas
        extent = (plan.patch_voxels - 1) * plan.voxel_mm
        placement = draw_placement(rng, plan.geometry, atlas.shapes[chosen], atlas.voxel_mm[chosen], extent, centre)
        means = draw_contrast(rng, plan.appearance.contrast)
        scan, scale = self._acquisition(rng, chosen, placement, means)
        return Draw(
            map=chosen,
            placement=placement,
            structure=draw_structure(rng, plan.appearance.pathology, extent),
            inserts=draw_inserts(rng, plan.appearance.pathology),
            density=draw_density(rng, extent),
            scan=scan,
            view=draw_field_of_view(rng, plan.geometry, plan.patch_voxels),
            scale=scale,
        )

    def scanned(self, rng: np.random.Generator, draw: Draw, means: Floats) -> Draw:
        """Return the same anatomy and CT under another acquisition, in which tissues have the signals `means`."""
        scan, scale = self._acquisition(rng, draw.map, draw.placement, means)
        return replace(draw, scan=scan, scale=scale)

    @torch.no_grad()
    def render(self, draws: Sequence[Draw]) -> Batch:
        """Return the pairs that `draws` describe."""
        batch = self.images(draws)
        scales = torch.tensor([draw.scale for draw in draws], device=self._device)
        mr = batch.images[MR].div_(scales[:, None, None, None, None]).clamp_(0.0, CEILING)
        return Batch({**batch.images, MR: mr}, batch.masks)

    @torch.no_grad()
    def images(self, draws: Sequence[Draw]) -> Batch:
        """Return the pairs that `draws` describe with MR as a scanner would store it, not normalised, about 0 to 1."""
        plan = self._plan
        tissue, body = self._anatomy(draws)
        ct = compute_ct(tissue, [d.density for d in draws], plan.voxel_mm, plan.appearance.ct_highest_hu)
        mr = acquire(tissue, body, [d.scan for d in draws], plan.voxel_mm)
        for number, draw in enumerate(draws):
            beyond = torch.ones_like(body[number])
            beyond[draw.view] = False
            mr[number].masked_fill_(beyond, 0.0)
            ct[number].masked_fill_(beyond, AIR_HU)
            body[number].masked_fill_(beyond, False)
        return Batch({MR: mr[:, None], CT: ct[:, None]}, {BODY: body[:, None]})

    @torch.no_grad()
    def tissues(self, draws: Sequence[Draw]) -> Tensor:
        """Return the tissues of the pairs that `draws` describe, uint8 `Tissue` of shape (n, 1, d, h, w)."""
        return self._anatomy(draws)[0][:, None]

    def _acquisition(
        self, rng: np.random.Generator, chosen: int, placement: Placement, means: Floats
    ) -> tuple[Scan, float]:
        plan, atlas = self._plan, self._atlas
        below = levels_below_top(placement, atlas.shapes[chosen][0], atlas.voxel_mm[chosen], plan.patch_voxels)
        look = plan.appearance
        scan = draw_scan(rng, look.artefacts, look.contrast.gamma, means, below, plan.voxel_mm)
        scale = _SCALE * expected_reference(means, atlas.shares[chosen]) * np.exp(rng.normal(0.0, _SCALE_JITTER))
        return scan, float(scale**scan.gamma)

    def _anatomy(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        points = self._plan.patch_voxels
        read = self._atlas.read([d.map for d in draws], [d.placement for d in draws], points)
        tissue = divide(read, [d.structure for d in draws], points)
        body = read.skin_depth > 0
        for number, draw in enumerate(draws):
            insert(tissue[number], read.code[number], body[number], draw.inserts, self._plan.voxel_mm)
        return tissue, body


def levels_below_top(placement: Placement, height: int, map_voxel_mm: float, points: int) -> Floats:
    """Return how far each level k of a patch lies below the top of its map, in mm; about, as bending is left out."""
    level = np.linspace(-placement.patch_mm / 2, placement.patch_mm / 2, points)
    at = placement.centre[0] * map_voxel_mm + placement.matrix[0, 0] * level
    below: Floats = (height * map_voxel_mm - at).astype(np.float32)
    return below
