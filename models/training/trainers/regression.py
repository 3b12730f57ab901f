"""Regression of values in any unit: one network under a weighted sum of losses against the true image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from models.batches import Batch
from models.packages.closed import Closed
from models.training.data.patches import BODY
from models.training.logs import Picture
from models.training.objective import NETWORK, Descent
from models.training.parts.answers import Answers
from models.training.parts.registry import ImageLoss, Parts
from models.training.tasks import Task
from models.training.trainers.optimiser import OptimiserPlan
from models.training.trainers.setup import Setup
from models.training.trainers.validation import montage, value_figures


class RegressionPlan(Closed):
    """Losses between made and true image, both scaled so that the target's range is -1 to 1."""

    kind: Literal["regression"]
    losses: tuple[ImageLoss, ...] = Field(min_length=1)
    optimiser: OptimiserPlan

    def misfit(self, task: Task, parts: Parts) -> str | None:
        """Return why it cannot train these parts; None where it can."""
        if parts.discriminator is not None:
            return "regression has no discriminator"
        return value_misfit(self.kind, task, parts)

    def build(self, setup: Setup) -> Regression:
        """Return the objective, with first weights by the seed."""
        return Regression(self, setup)


class Regression:
    """One network and one optimiser."""

    def __init__(self, plan: RegressionPlan, setup: Setup) -> None:
        self._plan, self._generation = plan, Generation(setup, plan.losses)
        network = self._generation.network
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: network}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: plan.optimiser.build(network)}

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the weighted sum of the losses."""
        made, true, region = self._generation.compare(batch)
        total, figures = self._generation.weighted(made, true, region)
        yield Descent(NETWORK, total, figures)

    def state(self) -> Mapping[str, Any]:
        """Return nothing: a step depends on weights and optimiser alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing, as there is no state."""

    def validate(self) -> Mapping[str, float]:
        """Return the errors on held-out samples."""
        return self._generation.validate()

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""
        return self._generation.montage()


class Generation:
    """A network that makes a target's values, and its image losses: what regression and adversarial trainers share."""

    def __init__(self, setup: Setup, losses: Sequence[ImageLoss]) -> None:
        torch.manual_seed(setup.seed)
        self.network = setup.parts.generator.build(setup.task).to(setup.device)
        self._setup, self._losses = setup, [loss.scaled(setup.task.target) for loss in losses]

    def compare(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the network makes of a batch, the truth, both scaled to -1 to 1, and the region."""
        batch = batch.to(self._setup.device)
        target = self._setup.task.target
        true = (batch.images[target.name] - target.offset) / target.scale
        return self._made(batch), true, batch.masks[BODY]

    def inputs(self, batch: Batch) -> Tensor:
        """Return the images that the network sees, (n, inputs, ...)."""
        return batch.stacked(self._setup.task.names).to(self._setup.device)

    def weighted(self, made: Tensor, true: Tensor, region: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the losses, and each for the log."""
        figures = {loss.kind.replace("-", "_"): loss(made, true, region) for loss in self._losses}
        parts = [loss.weight * value for loss, value in zip(self._losses, figures.values(), strict=True)]
        return torch.stack(parts).sum(), figures

    def autocast(self) -> torch.autocast:
        """Return the context in which convolutions are computed."""
        kind, precision = self._setup.device.type, self._setup.precision
        return torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16")

    def validate(self) -> Mapping[str, float]:
        """Return the errors on held-out samples."""
        return value_figures(self._setup.held_out, self._setup.task, self._predicted)

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""
        return montage(self._setup.held_out, self._setup.task, self._predicted)

    def _made(self, batch: Batch) -> Tensor:
        with self.autocast():
            made: Tensor = self.network(self.inputs(batch))
        return made.float()

    @torch.no_grad()
    def _predicted(self, sample: Batch) -> Tensor:
        target = self._setup.task.target
        return (self._made(sample) * target.scale + target.offset).clamp(target.lowest, target.highest)


def value_misfit(trainer: str, task: Task, parts: Parts) -> str | None:
    """Return why a trainer of values in any unit cannot train; None where it can."""
    if task.target.labels:
        return f"{trainer} makes values: labels are trained by segmentation"
    generator = parts.generator
    if generator.answers is not Answers.VALUES:
        return f"{trainer} trains what answers with values; {generator.kind} answers with {generator.answers}"
    return None
