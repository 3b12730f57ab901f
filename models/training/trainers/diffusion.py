"""Training of one step: diffusion (Ho, Jain and Abbeel 2020), rectified flow (Liu, Gong and Liu 2023) or a bridge.

For each sample a time t in (0, 1] and noise are drawn, the sampler says where on its path from start to image the state
is at t and what the network is to answer there, and the answer is held against that by image losses. Outside the body
the image is what the task has outside, so that the network learns to leave it alone.

Time and noise come from torch's generator, which the loop seeds anew for each step: a run goes on to the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from models.batches import Batch
from models.inference.sampling import Start
from models.packages.closed import Closed
from models.training.data.patches import BODY
from models.training.logs import Picture
from models.training.objective import NETWORK, Descent
from models.training.parts.answers import Answers
from models.training.parts.generators.stepped_unet import SteppedUNetPart
from models.training.parts.registry import Parts, StepLoss
from models.training.tasks import Task
from models.training.trainers.optimiser import OptimiserPlan
from models.training.trainers.setup import Setup
from models.training.trainers.validation import montage, value_figures


class DiffusionPlan(Closed):
    """Losses between the network's answer at a step and what it should have been."""

    kind: Literal["diffusion"]
    losses: tuple[StepLoss, ...] = Field(min_length=1)
    optimiser: OptimiserPlan

    def misfit(self, task: Task, parts: Parts) -> str | None:
        """Return why it cannot train these parts; None where it can."""
        if parts.generator.answers is not Answers.STEP or parts.discriminator is not None:
            return "diffusion trains a stepped-unet and no discriminator"
        return None

    def build(self, setup: Setup) -> Diffusion:
        """Return the objective, with first weights by the seed."""
        return Diffusion(self, setup)


class Diffusion:
    """One network and one optimiser; validation asks the network as a package does."""

    def __init__(self, plan: DiffusionPlan, setup: Setup) -> None:
        part = setup.parts.generator
        assert isinstance(part, SteppedUNetPart)
        torch.manual_seed(setup.seed)
        self._plan, self._setup = plan, setup
        self._sampler = part.sampler(setup.task)
        self._network = part.build(setup.task).to(setup.device)
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: self._network}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: plan.optimiser.build(self._network)}

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the weighted sum of the losses at a time of each sample."""
        batch = batch.to(self._setup.device)
        target = self._setup.task.target
        region = batch.masks[BODY]
        true = (torch.where(region, batch.images[target.name], target.outside) - target.offset) / target.scale
        images = batch.stacked(self._setup.task.names)
        times = 1.0 - torch.rand(len(true))
        noise = torch.randn(true.shape).to(true.device)
        lessons = [
            self._sampler.lesson(one, seen, drawn, float(time))
            for one, seen, drawn, time in zip(true, images, noise, times, strict=True)
        ]
        state, wanted = (torch.stack(part) for part in zip(*lessons, strict=True))
        clock = torch.stack([torch.full_like(one, float(time)) for one, time in zip(state, times, strict=True)])
        answer = self._asked(torch.cat([images, state, clock], dim=1))
        figures = {loss.kind.replace("-", "_"): loss(answer, wanted, region) for loss in self._plan.losses}
        total = torch.stack(
            [loss.weight * value for loss, value in zip(self._plan.losses, figures.values(), strict=True)]
        ).sum()
        yield Descent(NETWORK, total, figures)

    def state(self) -> Mapping[str, Any]:
        """Return nothing: a step depends on weights, optimiser and the step's own seed alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing, as there is no state."""

    def validate(self) -> Mapping[str, float]:
        """Return the errors on held-out samples, sampled as in use."""
        return value_figures(self._setup.held_out, self._setup.task, self._predicted)

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""
        return montage(self._setup.held_out, self._setup.task, self._predicted)

    def _asked(self, channels: Tensor) -> Tensor:
        kind, precision = self._setup.device.type, self._setup.precision
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16"):
            answer: Tensor = self._network(channels)
        return answer.float()

    @torch.no_grad()
    def _predicted(self, sample: Batch) -> Tensor:
        target = self._setup.task.target
        seen = sample.stacked(self._setup.task.names).to(self._setup.device)[0]
        flat = seen.ndim == 3
        images = seen[:, None] if flat else seen

        def ask(state: Tensor | None, time: float) -> Tensor:
            assert state is not None
            channels = torch.cat([images, state, torch.full_like(state, time)])[None]
            answer = self._asked(channels.squeeze(2) if flat else channels)[0]
            return answer[:, None] if flat else answer

        k, j, i = images.shape[1:]
        start = Start(images, (k, j, i), (slice(0, k), slice(0, j), slice(0, i)))
        made = self._sampler.sample(ask, start).clamp(target.lowest, target.highest)
        return made if flat else made[None]
