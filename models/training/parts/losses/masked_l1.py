"""Mean absolute error over the region.

L = sum_v w_v |x_v - y_v| / sum_v w_v, with w = 1 in the region and ``outside`` elsewhere.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from models.training.parts.losses.base import ImageLossPart


class MaskedL1(ImageLossPart):
    """What a voxel outside the region counts."""

    kind: Literal["masked-l1"]
    outside: float = Field(default=0.0, ge=0)

    def __call__(self, made: Tensor, true: Tensor, region: Tensor) -> Tensor:
        """Return the loss of `made` (n, 1, ...) against `true`; `region` is bool, of the same shape."""
        each = torch.where(region, 1.0, self.outside)
        return (each * (made.float() - true).abs()).sum() / each.sum().clamp_min(1e-6)
