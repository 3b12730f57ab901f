"""A residual U-Net that works at half resolution; three heads answer with a distribution and a Laplace scale.

The first layer folds 2x2x2 voxels into channels and the last unfolds them again (pixel shuffle, Shi et al. 2016), so
that the costly convolutions run on an eighth of the voxels; blocks are residual with instance normalisation (He et al.
2016, Isensee et al. 2021). Each head answers per voxel with a softmax over fixed CT numbers ("anchors"; histogram
regression, Imani and White 2018), whose mean is its HU and can never leave the anchors' range, and with the logarithm
of the scale of a Laplace distribution around that mean (Kendall and Gal 2017). Heads share the encoder and the decoder,
and no two of them learn from the same pairs, so that where they disagree the network was not told enough
(Lakshminarayanan et al. 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SCALE_UNIT_HU = 100.0
"""A log-scale of 0 means a Laplace scale of this many HU."""

_LOG_SCALE_RANGE = (-5.0, 3.0)


@dataclass(frozen=True, slots=True)
class ResidualUNetSpec:
    """Shape of the network.

    Attributes
    ----------
    widths
        Channels of each resolution level, finest first; the finest works at half the voxel resolution.
    anchors
        CT numbers in HU, rising, over which an answer is a distribution.
    heads
        Number of heads.
    channels
        Number of input images.
    """

    widths: tuple[int, ...]
    anchors: tuple[float, ...]
    heads: int = 3
    channels: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the heads say together, each (batch, 1, d, h, w) in HU.

    Attributes
    ----------
    hu
        Mean of the heads' means.
    scale
        Scale of a Laplace distribution around it whose variance is the heads' mean variance and the variance between
        their means: what they hold for unsure, and what they disagree in.
    """

    hu: Tensor
    scale: Tensor


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


class Head(nn.Module):
    """From the decoder's features to one head's answer, folded."""

    def __init__(self, width: int, channels_out: int) -> None:
        super().__init__()
        self.own = nn.Conv3d(width, width, 3, padding=1)
        self.answer = nn.Conv3d(width, 8 * channels_out, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (batch, width, d, h, w) to (batch, 8 * channels_out, d, h, w)."""
        result: Tensor = self.answer(features + functional.leaky_relu(self.own(features), 0.01))
        return result


class ResidualUNet(nn.Module):
    """Normalised images in, each head's answer out."""

    def __init__(self, spec: ResidualUNetSpec) -> None:
        super().__init__()
        self.spec = spec
        widths = spec.widths
        self.stem = nn.Conv3d(8 * spec.channels, widths[0], 3, padding=1)
        self.down = nn.ModuleList(
            ResidualBlock(widths[max(level - 1, 0)], widths[level]) for level in range(len(widths))
        )
        self.up = nn.ModuleList(
            ResidualBlock(widths[level] + widths[level + 1], widths[level]) for level in range(len(widths) - 1)
        )
        self.heads = nn.ModuleList(Head(widths[0], len(spec.anchors) + 1) for _ in range(spec.heads))

    def forward(self, image: Tensor) -> Tensor:
        """Return (batch, heads, anchors + 1, d, h, w) for images of shape (batch, channels, d, h, w).

        Of the third axis, the last entry is the logarithm of the Laplace scale in units of `SCALE_UNIT_HU`, the others
        are logits over the anchors. Each of d, h, w must be a multiple of 2 to the number of resolution levels.
        """
        return torch.stack([self._unfolded(answer) for answer in self.folded(image)], dim=1)

    def folded(self, image: Tensor) -> list[Tensor]:
        """Return each head's answer before unfolding, (batch, 8 * (anchors + 1), d / 2, h / 2, w / 2).

        `models.networks.readout.decode_folded` reads it.
        """
        features = self.features(image)
        return [head(features) for head in self.heads]

    def one_head(self, image: Tensor, head: int) -> Tensor:
        """Return the answer of one head alone, (batch, anchors + 1, d, h, w): what training asks for."""
        return self._unfolded(self.heads[head](self.features(image)))

    def one_head_each(self, images: Tensor, heads: Sequence[int]) -> Tensor:
        """Return of each image the answer of its own head, (batch, anchors + 1, d, h, w); one entry of `heads` each."""
        features = self.features(images)
        answers = [self.heads[head](features[n : n + 1]) for n, head in enumerate(heads)]
        return self._unfolded(torch.cat(answers))

    def features(self, image: Tensor) -> Tensor:
        """Return the decoder's features, (batch, widths[0], d / 2, h / 2, w / 2)."""
        kept = self.encoded(image)
        features = kept[-1]
        for level in reversed(range(len(self.up))):
            features = functional.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.up[level](torch.cat([kept[level], features], dim=1))
        return features

    def encoded(self, image: Tensor) -> list[Tensor]:
        """Return the encoder's features, finest first; level n is (batch, widths[n], d / 2^(n+1), ...)."""
        features = self.stem(_fold(image))
        kept: list[Tensor] = []
        for level, block in enumerate(self.down):
            features = block(features if level == 0 else functional.avg_pool3d(features, 2))
            kept.append(features)
        return kept

    def _unfolded(self, answer: Tensor) -> Tensor:
        return unfold(answer, len(self.spec.anchors) + 1)


def decode(raw: Tensor, anchors: Tensor, temperature: float = 1.0) -> Answer:
    """Return what the heads say together.

    Parameters
    ----------
    raw
        Of `ResidualUNet.forward`, (batch, heads, anchors + 1, d, h, w).
    anchors
        CT numbers of the anchors in HU, rising.
    temperature
        What logits are divided by before the mean is taken; see `models.packages.CardNetwork`.
    """
    batch, heads = raw.shape[:2]
    hu = expected_hu(raw[:, :, :-1].flatten(0, 1) / temperature, anchors)
    variance = 2.0 * scale_hu(raw[:, :, -1:]).square()
    hu = hu.reshape(batch, heads, 1, *raw.shape[3:])
    mean = hu.mean(dim=1)
    total = variance.mean(dim=1) + (hu - mean[:, None]).square().mean(dim=1)
    return Answer(mean, (0.5 * total).sqrt())


def expected_hu(logits: Tensor, anchors: Tensor) -> Tensor:
    """Return the mean CT number in HU, shape (batch, 1, d, h, w), of logits of shape (batch, anchors, d, h, w)."""
    share = torch.softmax(logits.float(), dim=1)
    return (share * anchors.view(1, -1, 1, 1, 1)).sum(dim=1, keepdim=True)


def scale_hu(log_scale: Tensor) -> Tensor:
    """Return a Laplace scale in HU, shape kept; it cannot leave 0.7 to 2,000 HU."""
    return SCALE_UNIT_HU * log_scale.float().clamp(*_LOG_SCALE_RANGE).exp()


def _fold(image: Tensor) -> Tensor:
    batch, channels, depth, height, width = image.shape
    cells = image.reshape(batch, channels, depth // 2, 2, height // 2, 2, width // 2, 2)
    return cells.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, 8 * channels, depth // 2, height // 2, width // 2)


def unfold(features: Tensor, channels: int) -> Tensor:
    """Return (batch, channels, d, h, w) from (batch, 8 * channels, d / 2, h / 2, w / 2): what `_fold` did, undone."""
    batch, _, depth, height, width = features.shape
    cells = features.reshape(batch, channels, 2, 2, 2, depth, height, width)
    return cells.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, channels, depth * 2, height * 2, width * 2)
