"""Label maps held on a device, and what patches read from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.anatomy import DEPTH_STEP_MM, LabelMap
from models.generator.geometry import Placement, positions
from models.tissues import CODES


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What patches read from their maps, each tensor of shape (b, d, h, w).

    Attributes
    ----------
    code
        uint8 `Tissue` or `Mixture`.
    bone_depth, skin_depth, orbit
        float32 mm, see `LabelMap`; 25.5 mm and more are 25.5.
    """

    code: Tensor
    bone_depth: Tensor
    skin_depth: Tensor
    orbit: Tensor


class Atlas:
    """The maps that patches are taken from."""

    def __init__(self, maps: Iterable[LabelMap], device: torch.device) -> None:
        self.shapes: list[tuple[int, int, int]] = []
        self.voxel_mm: list[float] = []
        self.shares: list[npt.NDArray[np.float64]] = []
        self._packed: list[Tensor] = []
        for one in maps:
            self.shapes.append(one.shape)
            self.voxel_mm.append(one.voxel_mm)
            inside = np.bincount(one.tissue[one.skin_depth > 0], minlength=CODES).astype(float)
            self.shares.append(inside / max(inside.sum(), 1.0))
            # Four bytes side by side are read as one number: one slow read from memory a voxel instead of four.
            packed = np.ascontiguousarray(one.channels).view("<i4").ravel()
            self._packed.append(torch.from_numpy(packed).to(device))
        self.device = device

    def __len__(self) -> int:
        return len(self.shapes)

    def read(self, maps: Sequence[int], placements: Sequence[Placement], points: int) -> Read:
        """Return what patches of `points` a side read, each from the map that `maps` names; air beyond a map's rim."""
        at = positions(placements, [self.voxel_mm[m] for m in maps], points, self.device)
        packed = torch.stack([self._gathered(m, one) for m, one in zip(maps, at, strict=True)])
        code = torch.bitwise_and(packed, 255).to(torch.uint8)
        bone, skin, orbit = (
            torch.bitwise_and(torch.bitwise_right_shift(packed, bits), 255).float().mul_(DEPTH_STEP_MM)
            for bits in (8, 16, 24)
        )
        return Read(code, bone, skin, orbit)

    def _gathered(self, number: int, at: Tensor) -> Tensor:
        # A map's rim is air without depth, so that whatever lies beyond it may be read from there.
        k, j, i = (
            (part + 0.5).clamp_(0, size - 1).to(torch.int32) for part, size in zip(at, self.shapes[number], strict=True)
        )
        _, height, width = self.shapes[number]
        index = k.mul_(height).add_(j).mul_(width).add_(i)
        return self._packed[number].index_select(0, index.flatten()).view(index.shape)
