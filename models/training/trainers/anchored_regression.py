"""Regression of CT numbers by a distribution over anchors: one network that learns, voxel by voxel, what was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch

from models.batches import Batch
from models.metrics import RegionErrors, region_errors
from models.networks.residual_unet import Answer, ResidualUNet, decode
from models.packages.closed import Closed
from models.training.data.patches import BODY
from models.training.logs import Picture
from models.training.montage import synthesis_montage
from models.training.objective import NETWORK, Descent
from models.training.parts.generators.residual_unet import ResidualUNetPart
from models.training.parts.losses.anchored import AnchoredLoss, synthesis_loss
from models.training.parts.registry import Parts
from models.training.run_recorder import SCORE
from models.training.tasks import Task
from models.training.trainers.optimiser import OptimiserPlan
from models.training.trainers.setup import Setup
from models.training.trainers.validation import PICTURED


class AnchoredRegressionPlan(Closed):
    """The losses of `models.training.parts.losses.anchored`, on a residual U-Net."""

    kind: Literal["anchored-regression"]
    loss: AnchoredLoss
    optimiser: OptimiserPlan

    def misfit(self, task: Task, parts: Parts) -> str | None:
        """Return why it cannot train these parts; None where it can."""
        if not isinstance(parts.generator, ResidualUNetPart) or parts.discriminator is not None:
            return "anchored-regression trains a residual-unet and no discriminator"
        return None

    def build(self, setup: Setup) -> AnchoredRegression:
        """Return the objective, with first weights by the seed."""
        part = setup.parts.generator
        assert isinstance(part, ResidualUNetPart)
        torch.manual_seed(setup.seed)
        network = part.build(setup.task).to(setup.device)
        task = setup.task
        return AnchoredRegression(
            network, self.loss, self.optimiser, setup.held_out, setup.precision, task.names, task.target.name
        )


class AnchoredRegression:
    """A residual U-Net under `synthesis_loss`; each sample teaches one head.

    Parameters
    ----------
    network
        On the device on which it is to learn.
    loss, optimiser
        The recipe's.
    held_out
        Samples that validate, one a batch, on any device.
    precision
        Of convolutions: ``bfloat16`` or ``float32``.
    inputs, target
        Names of the images in a batch.
    temperature
        What logits are divided by where the network is validated, as in use; see the card's network.
    """

    def __init__(
        self,
        network: ResidualUNet,
        loss: AnchoredLoss,
        optimiser: OptimiserPlan,
        held_out: Sequence[Batch],
        precision: str,
        inputs: Sequence[str],
        target: str,
        temperature: float = 1.0,
    ) -> None:
        self._network, self._loss, self._held_out, self._precision = network, loss, held_out, precision
        self._inputs, self._target, self._temperature = tuple(inputs), target, temperature
        self._device = next(network.parameters()).device
        self._anchors = torch.tensor(network.spec.anchors, device=self._device)
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: network}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: optimiser.build(network)}

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the mean loss over the batch's samples: each of them teaches one head."""
        batch = batch.to(self._device)
        images, ct, body = batch.stacked(self._inputs), batch.images[self._target], batch.masks[BODY]
        heads = [number % self._network.spec.heads for number in numbers]
        with self._autocast():
            answers = self._network.one_head_each(images, heads)
        # Each sample's own loss, so that it counts the same in whatever batch it comes.
        terms = [
            synthesis_loss(answers[n : n + 1], ct[n : n + 1], body[n : n + 1], self._anchors, self._loss)
            for n in range(len(numbers))
        ]
        figures = {
            name: torch.stack([getattr(term, name) for term in terms]).mean()
            for name in ("l1_hu", "distribution", "likelihood", "gradient", "dice")
        }
        yield Descent(NETWORK, torch.stack([term.total for term in terms]).mean(), figures)

    def state(self) -> Mapping[str, Any]:
        """Return nothing: a step depends on weights and optimiser alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing, as there is no state."""

    def validate(self) -> Mapping[str, float]:
        """Return mean errors over the held-out samples in the body and its tissues; the body's is the score."""
        errors = []
        for sample in self._held_out:
            arrays = (sample.images[self._target][0, 0], self._predicted(sample).hu[0, 0], sample.masks[BODY][0, 0])
            errors.append(region_errors(*(array.cpu().numpy() for array in arrays)))
        means = _means(errors)
        return {**means, SCORE: means["mae_body"]}

    def montage(self) -> Picture:
        """Return the middle axial slices of the first held-out samples."""
        rows = []
        for sample in self._held_out[:PICTURED]:
            volumes = (sample.images[self._inputs[0]], sample.images[self._target], self._predicted(sample).hu)
            # Images are drawn from above; patches run upwards.
            a, b, c = (volume[0, 0, volume.shape[2] // 2].float().cpu().numpy() for volume in volumes)
            rows.append((a, b, c))
        return synthesis_montage(rows)

    @torch.no_grad()
    def _predicted(self, sample: Batch) -> Answer:
        with self._autocast():
            raw = self._network(sample.stacked(self._inputs).to(self._device))
        return decode(raw, self._anchors, self._temperature)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16")


def _means(errors: Sequence[RegionErrors]) -> dict[str, float]:
    """Return the mean of each figure over the samples that have it; NaN where none has."""
    figures = {
        "mae_body": [one.body.mae for one in errors],
        "me_body": [one.body.me for one in errors],
        "mae_soft": [one.soft.mae for one in errors if one.soft],
        "mae_bone": [one.bone.mae for one in errors if one.bone],
        "dice_bone": [one.dice_bone for one in errors if one.dice_bone is not None],
    }
    return {name: float(np.mean(values)) if values else float("nan") for name, values in figures.items()}
