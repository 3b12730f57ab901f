"""What differs between one trainer and another: networks, optimisers, losses, validation, pictures.

`models.training.loop` has all the rest. A regression has one network and one optimiser; an adversarial trainer has a
generator and a discriminator and descends on each in turn; a diffusion trainer draws its noise in `losses` from torch's
generator, which the loop seeds anew for each step, so that a step can be done again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from models.training.logs import Picture

B_contra = TypeVar("B_contra", contravariant=True)

NETWORK = "network"
"""The name, in every objective, of the network that will be used and of its optimiser."""


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """One loss, the optimiser that is to descend on it, and figures for the log."""

    optimiser: str
    loss: Tensor
    figures: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(Protocol[B_contra]):
    """What a run trains and by what it is judged.

    Attributes
    ----------
    networks
        By name; all are kept in checkpoints.
    averaged
        Names of the networks whose weights are averaged: those that will be used, discriminators not.
    optimisers
        By name; each has its own learning rate, which the schedule scales.
    """

    networks: Mapping[str, nn.Module]
    averaged: Sequence[str]
    optimisers: Mapping[str, Optimizer]

    def losses(self, batch: B_contra, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the losses of one step, each to be descended on before the next is asked for.

        Parameters
        ----------
        batch
            Samples on the networks' device.
        numbers
            The samples' numbers.
        """

    def state(self) -> Mapping[str, Any]:
        """Return what steps depend on besides networks and optimisers, as tensors and plain values: pools, counters."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""

    def validate(self) -> Mapping[str, float]:
        """Return figures on held-out data with the networks as they are, `run_recorder.SCORE` among them."""

    def montage(self) -> Picture:
        """Return a picture (height, width, 3) of held-out samples."""
