"""A residual U-Net that works at half resolution and answers with a distribution over CT numbers.

The first layer folds 2x2x2 voxels into channels and the last unfolds them again (pixel shuffle, Shi et al. 2016), so
that the costly convolutions run on an eighth of the voxels; blocks are residual with instance normalisation (He et al.
2016, Isensee et al. 2021). Each voxel's answer is a softmax over fixed CT numbers ("anchors"): its mean is the
synthetic HU, which can therefore never leave the anchors' range, and its excess spread is an uncalibrated uncertainty
(histogram regression: Imani and White 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class ResidualUNetSpec:
    """Shape of the network.

    Attributes
    ----------
    widths
        Channels of each resolution level, finest first; the finest works at half the voxel resolution.
    anchors
        CT numbers in HU, rising, over which the answer is a distribution.
    """

    widths: tuple[int, ...]
    anchors: tuple[float, ...]


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions with instance normalisation around a shortcut."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(channels_in, channels_out, 3, padding=1, bias=False)
        self.first_norm = nn.InstanceNorm3d(channels_out, affine=True)
        self.second = nn.Conv3d(channels_out, channels_out, 3, padding=1, bias=False)
        self.second_norm = nn.InstanceNorm3d(channels_out, affine=True)
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv3d(channels_in, channels_out, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, channels_in, d, h, w) to (batch, channels_out, d, h, w)."""
        inner = functional.leaky_relu(self.first_norm(self.first(features)), 0.01)
        inner = self.second_norm(self.second(inner))
        return functional.leaky_relu(inner + self.shortcut(features), 0.01)


class ResidualUNet(nn.Module):
    """Normalised MR in, logits over the anchors out."""

    def __init__(self, spec: ResidualUNetSpec) -> None:
        super().__init__()
        self.spec = spec
        widths = spec.widths
        self.stem = nn.Conv3d(8, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            ResidualBlock(widths[max(level - 1, 0)], widths[level]) for level in range(len(widths))
        )
        self.up = nn.ModuleList(
            ResidualBlock(widths[level] + widths[level + 1], widths[level]) for level in range(len(widths) - 1)
        )
        self.head = nn.Conv3d(widths[0], 8 * len(spec.anchors), 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of shape (batch, anchors, d, h, w) for an image of shape (batch, 1, d, h, w).

        Each of d, h, w must be a multiple of 2 to the number of resolution levels.
        """
        features = self.stem(_fold(image))
        kept = []
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else functional.avg_pool3d(features, 2))
            kept.append(features)
        for level in reversed(range(len(self.up))):
            features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.up[level](torch.cat([kept[level], features], dim=1))
        return _unfold(self.head(features), len(self.spec.anchors))


def expected_hu(logits: Tensor, anchors: Tensor) -> Tensor:
    """Return the mean CT number in HU, shape (batch, 1, d, h, w), of logits of shape (batch, anchors, d, h, w)."""
    share = torch.softmax(logits.float(), dim=1)
    return (share * anchors.view(1, -1, 1, 1, 1)).sum(dim=1, keepdim=True)


def spread_hu(logits: Tensor, anchors: Tensor) -> Tensor:
    """Return the excess standard deviation in HU, shape (batch, 1, d, h, w).

    A mean between two anchors needs some spread even when the network is sure; that least variance,
    (mean - lower)(upper - mean), is taken off, so that a sure answer has 0.
    """
    share = torch.softmax(logits.float(), dim=1)
    column = anchors.view(1, -1, 1, 1, 1)
    mean = (share * column).sum(dim=1, keepdim=True)
    variance = (share * (column - mean) ** 2).sum(dim=1, keepdim=True)
    above = torch.bucketize(mean, anchors).clamp(1, len(anchors) - 1)
    least = (mean - anchors[above - 1]) * (anchors[above] - mean)
    return (variance - least).clamp_min(0.0).sqrt()


def _fold(image: Tensor) -> Tensor:
    batch, _, depth, height, width = image.shape
    cells = image.reshape(batch, depth // 2, 2, height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 4, 6, 1, 3, 5).reshape(batch, 8, depth // 2, height // 2, width // 2)


def _unfold(features: Tensor, channels: int) -> Tensor:
    batch, _, depth, height, width = features.shape
    cells = features.reshape(batch, channels, 2, 2, 2, depth, height, width)
    return cells.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels, depth * 2, height * 2, width * 2)
