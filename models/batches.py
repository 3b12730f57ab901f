"""Batches of samples: named images, masks and weights, so that no part of a training needs to know the modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples of one shape: each tensor is (samples, 1, d, h, w), or (samples, 1, h, w) of slices, along LPS axes.

    An image of which a network on slices sees the neighbours too is (samples, slices, h, w), from the lowest up.

    Attributes
    ----------
    images
        float32, by name: inputs as the network sees them, targets in their own unit; a label map has whole numbers.
    masks
        bool, by name: ``body`` is True inside the body's outline (air cavities included) and the field of view.
    weights
        float32, by name of an image: how much each of its voxels counts, or of a label map each of its labels, as
        (samples, labels + 1, 1, 1, 1); one that is not here counts 1 everywhere.
    """

    images: Mapping[str, Tensor]
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    def stacked(self, names: Sequence[str]) -> Tensor:
        """Return the images of these names as channels, (samples, names, ...)."""
        return torch.cat([self.images[name] for name in names], dim=1)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on `device`."""
        return Batch(*({name: value.to(device) for name, value in part.items()} for part in self._parts))

    @property
    def _parts(self) -> tuple[Mapping[str, Tensor], ...]:
        return self.images, self.masks, self.weights


def joined(batches: Sequence[Batch]) -> Batch:
    """Return one batch of all samples of `batches`, which have the same names."""
    first = batches[0]
    return Batch(
        {name: torch.cat([one.images[name] for one in batches]) for name in first.images},
        {name: torch.cat([one.masks[name] for one in batches]) for name in first.masks},
        {name: torch.cat([one.weights[name] for one in batches]) for name in first.weights},
    )
