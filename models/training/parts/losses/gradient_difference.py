"""Gradient difference (Mathieu et al. 2016): edges are to be where they are, and as sharp.

L = mean over v and axes a of ||d_a x_v| - |d_a y_v||, where both ends of d_a lie in the region.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from models.training.parts.losses.base import ImageLossPart


class GradientDifference(ImageLossPart):
    """Differences along each axis of the image."""

    kind: Literal["gradient-difference"]

    def __call__(self, made: Tensor, true: Tensor, region: Tensor) -> Tensor:
        """Return the loss of `made` (n, 1, ...) against `true`; `region` is bool, of the same shape."""
        made = made.float()
        parts = []
        for axis in range(2, made.ndim):
            length = made.shape[axis]
            if length < 2:
                continue
            both = region.narrow(axis, 0, length - 1) & region.narrow(axis, 1, length - 1)
            difference = (made.diff(dim=axis).abs() - true.diff(dim=axis).abs()).abs()
            parts.append((difference * both).sum() / both.sum().clamp_min(1))
        return torch.stack(parts).mean()
