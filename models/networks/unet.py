"""A plain U-Net on slices or volumes (Ronneberger et al. 2015; Isensee et al. 2021), with any channels in and out.

Each level of the encoder halves the sampling and each of the decoder doubles it; levels of one sampling are joined by
concatenation. Convolutions are followed by instance normalisation and a leaky rectifier; the answer is linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class UNetSpec:
    """Shape of the network.

    Attributes
    ----------
    widths
        Channels of each resolution level, finest first.
    dimensions
        2 for (batch, channels, h, w), 3 for (batch, channels, d, h, w).
    channels_in, channels_out
        Of the images, and of the answer.
    """

    widths: tuple[int, ...]
    dimensions: Literal[2, 3]
    channels_in: int
    channels_out: int

    @property
    def step(self) -> int:
        """Each side of an image must be a multiple of this."""
        return int(2 ** (len(self.widths) - 1))


class _Block(nn.Module):
    """Two convolutions, each with norm and rectifier."""

    def __init__(self, channels_in: int, channels_out: int, dimensions: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        norm = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
        self.first = convolution(channels_in, channels_out, 3, padding=1, bias=False)
        self.first_norm = norm(channels_out, affine=True)
        self.second = convolution(channels_out, channels_out, 3, padding=1, bias=False)
        self.second_norm = norm(channels_out, affine=True)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, channels_in, ...) to (batch, channels_out, ...)."""
        features = functional.leaky_relu(self.first_norm(self.first(features)), 0.01)
        return functional.leaky_relu(self.second_norm(self.second(features)), 0.01)


class UNet(nn.Module):
    """Normalised images in, values or logits out."""

    def __init__(self, spec: UNetSpec) -> None:
        super().__init__()
        self.spec = spec
        widths, dimensions = spec.widths, spec.dimensions
        self.down = nn.ModuleList(
            _Block(spec.channels_in if level == 0 else widths[level - 1], widths[level], dimensions)
            for level in range(len(widths))
        )
        self.up = nn.ModuleList(
            _Block(widths[level] + widths[level + 1], widths[level], dimensions) for level in range(len(widths) - 1)
        )
        self.answer = (nn.Conv2d if dimensions == 2 else nn.Conv3d)(widths[0], spec.channels_out, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, channels_in, ...) to (batch, channels_out, ...); sides are multiples of ``spec.step``."""
        pool = functional.avg_pool2d if self.spec.dimensions == 2 else functional.avg_pool3d
        kept: list[Tensor] = []
        features = images
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else pool(features, 2))
            kept.append(features)
        for level in reversed(range(len(self.up))):
            features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.up[level](torch.cat([kept[level], features], dim=1))
        answer: Tensor = self.answer(features)
        return answer
