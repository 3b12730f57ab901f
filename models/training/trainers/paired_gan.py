"""Paired adversarial training (pix2pix, Isola et al. 2017): a generator against a discriminator that sees its inputs.

The discriminator learns from a pool of what the generator made earlier, so that it does not forget (Shrivastava et al.
2017). The pool belongs to the run: it is kept in checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from models.batches import Batch
from models.packages.closed import Closed
from models.training.logs import Picture
from models.training.objective import NETWORK, Descent
from models.training.parts.losses.adversarial import LeastSquaresAdversarial
from models.training.parts.registry import ImageLoss, Parts
from models.training.tasks import Task
from models.training.trainers.optimiser import OptimiserPlan
from models.training.trainers.regression import Generation, value_misfit
from models.training.trainers.setup import Setup

DISCRIMINATOR = "discriminator"


class PairedGanPlan(Closed):
    """Losses of the generator, and how the discriminator learns.

    Attributes
    ----------
    losses
        Between made and true image, both scaled so that the target's range is -1 to 1.
    adversarial
        The game.
    pool
        How many earlier images the discriminator may be shown; 0 shows it new ones alone.
    discriminator_rate
        Learning rate of the discriminator; the rest of its optimiser is the generator's.
    """

    kind: Literal["paired-gan"]
    losses: tuple[ImageLoss, ...] = Field(min_length=1)
    adversarial: LeastSquaresAdversarial
    pool: int = Field(default=0, ge=0)
    discriminator_rate: float = Field(gt=0)
    optimiser: OptimiserPlan

    def misfit(self, task: Task, parts: Parts) -> str | None:
        """Return why it cannot train these parts; None where it can."""
        if parts.discriminator is None:
            return "paired-gan needs parts.discriminator"
        sides = task.patch_voxels[: task.dimensions]
        if min(sides) < parts.discriminator.least_voxels:
            return f"parts.discriminator needs patches of {parts.discriminator.least_voxels} voxels, got {min(sides)}"
        return value_misfit(self.kind, task, parts)

    def build(self, setup: Setup) -> PairedGan:
        """Return the objective, with first weights by the seed."""
        return PairedGan(self, setup)


class PairedGan:
    """Two networks that descend in turn."""

    def __init__(self, plan: PairedGanPlan, setup: Setup) -> None:
        self._plan, self._generation = plan, Generation(setup, plan.losses)
        assert setup.parts.discriminator is not None
        network = self._generation.network
        self._discriminator = setup.parts.discriminator.build(setup.task).to(setup.device)
        self._pool = ImagePool(plan.pool)
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: network, DISCRIMINATOR: self._discriminator}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {
            NETWORK: plan.optimiser.build(network),
            DISCRIMINATOR: plan.optimiser.build(self._discriminator, plan.discriminator_rate),
        }

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the generator's loss, and after its step the discriminator's."""
        made, true, region = self._generation.compare(batch)
        seen = self._generation.inputs(batch)
        total, figures = self._generation.weighted(made, true, region)
        fooled = self._plan.adversarial.of_generator(self._scores(torch.cat([seen, made], dim=1)))
        yield Descent(NETWORK, total + self._plan.adversarial.weight * fooled, {**figures, "fooled": fooled})
        shown = self._pool.exchanged(torch.cat([seen, made.detach()], dim=1))
        scores = self._scores(torch.cat([seen, true], dim=1)), self._scores(shown)
        yield Descent(DISCRIMINATOR, self._plan.adversarial.of_discriminator(*scores))

    def state(self) -> Mapping[str, Any]:
        """Return the pool; nothing where the run has none."""
        if not self._plan.pool:
            return {}
        return {"pool": list(self._pool.images)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the pool of `state`."""
        device = next(self._discriminator.parameters()).device
        self._pool.images = [image.to(device) for image in state.get("pool", ())]

    def validate(self) -> Mapping[str, float]:
        """Return the errors on held-out samples."""
        return self._generation.validate()

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""
        return self._generation.montage()

    def _scores(self, images: Tensor) -> Tensor:
        with self._generation.autocast():
            scores: Tensor = self._discriminator(images)
        return scores


class ImagePool:
    """Earlier images, at most `size`, of which one in two calls gives one for a new one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.images: list[Tensor] = []

    def exchanged(self, images: Tensor) -> Tensor:
        """Return for each of `images` (n, ...) itself or an earlier one, chosen by torch's generator."""
        if not self._size:
            return images
        shown = []
        for image in torch.split(images, 1):
            if len(self.images) < self._size:
                self.images.append(image.clone())
                shown.append(image)
            elif float(torch.rand(())) < 0.5:
                at = int(torch.randint(self._size, ()))
                shown.append(self.images[at])
                self.images[at] = image.clone()
            else:
                shown.append(image)
        return torch.cat(shown)
