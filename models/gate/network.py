"""The gate's network: a few strided convolutions over a coarse view, and a decision among kinds of input."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.errors import PackageError
from models.gate.view import CHANNELS, SIDE

KINDS = (
    "whole-head",
    "skull-stripped",
    "other-body-part",
    "ct",
    "noise",
    "half-field",
    "wrong-orientation",
    "wrong-scale",
    "shapes",
    "inverted-contrast",
)
"""What the network tells apart; the first is what it accepts. Weights depend on the order: add at the end."""

PREFIX = "gate."
"""Its tensors' names begin with this, beside those of the network that they guard."""

_WIDTHS = (8, 16, 32, 48)
_HIDDEN = 24


class GateNetwork(nn.Module):
    """About 90,000 weights: four strided convolutions, then two layers that know where in the view things stand."""

    def __init__(self) -> None:
        super().__init__()
        before = (CHANNELS, *_WIDTHS[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv3d(width_in, width, 3, stride=2, padding=1) for width_in, width in zip(before, _WIDTHS, strict=True)
        )
        self.norms = nn.ModuleList(nn.GroupNorm(4, width) for width in _WIDTHS)
        side = SIDE // 2 ** len(_WIDTHS)
        self.hidden = nn.Linear(_WIDTHS[-1] * side**3, _HIDDEN)
        self.answer = nn.Linear(_HIDDEN, len(KINDS))

    def forward(self, views: Tensor) -> Tensor:
        """Map views (batch, channels, side, side, side) to logits (batch, kinds)."""
        features = views
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            features = functional.leaky_relu(norm(convolution(features)), 0.05)
        result: Tensor = self.answer(functional.leaky_relu(self.hidden(features.flatten(1)), 0.05))
        return result


def score_of(logits: Tensor) -> Tensor:
    """Return how much the first kind is to be believed against all others: the logarithm of its odds, (batch,)."""
    return logits[:, 0] - torch.logsumexp(logits[:, 1:], dim=1)


def tensors_of(network: GateNetwork) -> dict[str, Tensor]:
    """Return the network's tensors as a package keeps them: half precision, under `PREFIX`."""
    return {f"{PREFIX}{name}": value.detach().half().contiguous() for name, value in network.state_dict().items()}


def network_of(tensors: Mapping[str, Tensor]) -> GateNetwork:
    """Return the network with those tensors, ready to judge.

    Raises
    ------
    PackageError
        If one is missing, has another shape, or is one too many (``gate-unfit``).
    """
    network = GateNetwork()
    try:
        network.load_state_dict({name.removeprefix(PREFIX): value.float() for name, value in tensors.items()})
    except RuntimeError as why:
        raise PackageError("gate-unfit", found=str(why)[:300]) from why
    return network.eval()
