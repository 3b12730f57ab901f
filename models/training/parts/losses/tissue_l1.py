"""Mean absolute error over the region, by tissue (Li et al. 2019, tissue-focused; Liu et al. 2020, weighted).

L = sum_v w(y_v) |x_v - y_v| / sum_v w(y_v), with the weight w of the range that y_v lies in, 1 in none.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from models.packages.closed import Closed
from models.training.parts.losses.base import ImageLossPart
from models.training.tasks import TaskTarget


class Tissue(Closed):
    """A range of true values, `lowest` to `highest` in the target's unit, and what a voxel of it counts."""

    lowest: float
    highest: float
    weight: float = Field(gt=0)

    @model_validator(mode="after")
    def _is_a_range(self) -> Tissue:
        if self.lowest >= self.highest:
            raise ValueError(f"a tissue's lowest must lie below its highest value: {self.lowest}, {self.highest}")
        return self


class TissueL1(ImageLossPart):
    """Ranges of true values with their weights; where two overlap the later one counts."""

    kind: Literal["tissue-l1"]
    tissues: tuple[Tissue, ...] = Field(min_length=1)

    def scaled(self, target: TaskTarget) -> Self:
        """Return the loss with its ranges as scaled images have them."""
        tissues = tuple(
            one.model_copy(
                update={
                    "lowest": (one.lowest - target.offset) / target.scale,
                    "highest": (one.highest - target.offset) / target.scale,
                }
            )
            for one in self.tissues
        )
        return self.model_copy(update={"tissues": tissues})

    def __call__(self, made: Tensor, true: Tensor, region: Tensor) -> Tensor:
        """Return the loss of `made` (n, 1, ...) against `true`; `region` is bool, of the same shape."""
        each = region.float()
        for tissue in self.tissues:
            within = region & (true >= tissue.lowest) & (true <= tissue.highest)
            each = torch.where(within, tissue.weight, each)
        return (each * (made.float() - true).abs()).sum() / each.sum().clamp_min(1e-6)
