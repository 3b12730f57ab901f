"""Soft overlap of what lies above a threshold, as bone on CT (Milletari et al. 2016, of soft thresholds).

L = 1 - (2 sum_v p_v q_v + 1) / (sum_v p_v^2 + sum_v q_v^2 + 1), with p = s((x - t) / h), q = s((y - t) / h), s the
logistic function, t the threshold and h its softness.
"""

from __future__ import annotations

from typing import Literal, Self

import torch
from pydantic import Field
from torch import Tensor

from models.training.parts.losses.base import ImageLossPart
from models.training.tasks import TaskTarget


class ThresholdDice(ImageLossPart):
    """The threshold and its softness, in the target's unit: within about two softnesses a value counts in part."""

    kind: Literal["threshold-dice"]
    threshold: float
    softness: float = Field(gt=0)

    def scaled(self, target: TaskTarget) -> Self:
        """Return the loss with its threshold as scaled images have it."""
        threshold = (self.threshold - target.offset) / target.scale
        return self.model_copy(update={"threshold": threshold, "softness": self.softness / target.scale})

    def __call__(self, made: Tensor, true: Tensor, region: Tensor) -> Tensor:
        """Return the loss of `made` (n, 1, ...) against `true`; `region` is bool, of the same shape."""
        ours = torch.sigmoid((made.float() - self.threshold) / self.softness) * region
        theirs = torch.sigmoid((true - self.threshold) / self.softness) * region
        both = ours.square().sum() + theirs.square().sum()
        return 1.0 - (2.0 * (ours * theirs).sum() + 1.0) / (both + 1.0)
