"""Segmentation: a network that answers with a logit for background and each label, under Dice and cross entropy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from models.batches import Batch
from models.packages.closed import Closed
from models.training.logs import Picture
from models.training.objective import NETWORK, Descent
from models.training.parts.answers import Answers
from models.training.parts.losses.dice_cross_entropy import DiceCrossEntropy
from models.training.parts.registry import Parts
from models.training.tasks import Task
from models.training.trainers.optimiser import OptimiserPlan
from models.training.trainers.setup import Setup
from models.training.trainers.validation import label_figures, montage


class SegmentationPlan(Closed):
    """The loss over labels, and the optimiser."""

    kind: Literal["segmentation"]
    loss: DiceCrossEntropy
    optimiser: OptimiserPlan

    def misfit(self, task: Task, parts: Parts) -> str | None:
        """Return why it cannot train these parts; None where it can."""
        if not task.target.labels:
            return "segmentation needs a target of modality SEG with labels"
        if parts.generator.answers is not Answers.VALUES or parts.discriminator is not None:
            return "segmentation trains a network that answers with logits, as unet does, and no discriminator"
        return None

    def build(self, setup: Setup) -> Segmentation:
        """Return the objective, with first weights by the seed."""
        return Segmentation(self, setup)


class Segmentation:
    """One network and one optimiser."""

    def __init__(self, plan: SegmentationPlan, setup: Setup) -> None:
        self._plan, self._setup = plan, setup
        torch.manual_seed(setup.seed)
        self._network = setup.parts.generator.build(setup.task).to(setup.device)
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: self._network}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: plan.optimiser.build(self._network)}

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the loss over the labels."""
        name = self._setup.task.target.name
        labels = batch.images[name].to(self._setup.device)
        loss = self._plan.loss(self._logits(batch), labels, batch.weights.get(name))
        yield Descent(NETWORK, self._plan.loss.weight * loss, {"dice_cross_entropy": loss})

    def state(self) -> Mapping[str, Any]:
        """Return nothing: a step depends on weights and optimiser alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing, as there is no state."""

    def validate(self) -> Mapping[str, float]:
        """Return the Dice of each structure on held-out samples."""
        return label_figures(self._setup.held_out, self._setup.task, self._predicted)

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""
        return montage(self._setup.held_out, self._setup.task, self._predicted)

    def _logits(self, batch: Batch) -> Tensor:
        setup = self._setup
        with torch.autocast(setup.device.type, torch.bfloat16, enabled=setup.precision == "bfloat16"):
            logits: Tensor = self._network(batch.stacked(setup.task.names).to(setup.device))
        return logits.float()

    @torch.no_grad()
    def _predicted(self, sample: Batch) -> Tensor:
        return self._logits(sample).argmax(dim=1, keepdim=True)
