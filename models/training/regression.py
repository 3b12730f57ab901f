"""The regression objective: one network that is told, voxel by voxel, what CT number was right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from models.generator import Batch
from models.metrics import RegionErrors, region_errors
from models.networks.residual_unet import Answer, ResidualUNet, ResidualUNetSpec, decode
from models.training.logs import Picture
from models.training.losses import synthesis_loss
from models.training.montage import synthesis_montage
from models.training.objective import Descent
from models.training.recipe import LossPlan, OptimiserPlan
from models.training.run_recorder import SCORE

NETWORK = "network"
"""The name of the one network and of its optimiser."""

_PICTURED = 3


class Regression:
    """A residual U-Net under `models.training.losses.synthesis_loss`; each pair teaches one head.

    Parameters
    ----------
    network
        On the device on which it is to learn.
    loss, optimiser
        The recipe's.
    held_out
        Pairs by which it is judged, one a batch, on any device.
    precision
        Of convolutions: ``bfloat16`` or ``float32``.
    temperature
        What logits are divided by where the network is judged, as in use; see `models.packages.ResidualUNetNetwork`.
    """

    def __init__(
        self,
        network: ResidualUNet,
        loss: LossPlan,
        optimiser: OptimiserPlan,
        held_out: Sequence[Batch],
        precision: str,
        temperature: float = 1.0,
    ) -> None:
        self._network, self._loss, self._held_out, self._precision = network, loss, held_out, precision
        self._temperature = temperature
        self._device = next(network.parameters()).device
        self._anchors = torch.tensor(network.spec.anchors, device=self._device)
        adam = torch.optim.AdamW(network.parameters(), lr=optimiser.learning_rate, weight_decay=optimiser.weight_decay)
        self.networks: Mapping[str, torch.nn.Module] = {NETWORK: network}
        self.averaged: Sequence[str] = (NETWORK,)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: adam}

    def losses(self, batch: Batch, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the mean loss over the batch's pairs: each of them teaches one head."""
        mr, ct, body = (part.to(self._device) for part in (batch.mr, batch.ct, batch.body))
        heads = [number % self._network.spec.heads for number in numbers]
        with self._autocast():
            answers = self._network.one_head_each(mr, heads)
        # Each pair's own loss, so that a pair counts the same in whatever batch it comes.
        terms = [
            synthesis_loss(answers[n : n + 1], ct[n : n + 1], body[n : n + 1], self._anchors, self._loss)
            for n in range(len(numbers))
        ]
        figures = {
            name: torch.stack([getattr(term, name) for term in terms]).mean()
            for name in ("l1_hu", "distribution", "likelihood", "gradient", "dice")
        }
        yield Descent(NETWORK, torch.stack([term.total for term in terms]).mean(), figures)

    def validate(self) -> Mapping[str, float]:
        """Return mean errors over the held-out pairs in the body and its tissues; the body's is the score."""
        errors = []
        for pair in self._held_out:
            arrays = (pair.ct[0, 0], self._predicted(pair).hu[0, 0], pair.body[0, 0])
            errors.append(region_errors(*(array.cpu().numpy() for array in arrays)))
        means = _means(errors)
        return {**means, SCORE: means["mae_body"]}

    def montage(self) -> Picture:
        """Return the middle axial slices of the first held-out pairs."""
        rows = []
        for pair in self._held_out[:_PICTURED]:
            volumes = (pair.mr, pair.ct, self._predicted(pair).hu)
            # Images are drawn from above; patches run upwards.
            a, b, c = (volume[0, 0, volume.shape[2] // 2].float().cpu().numpy() for volume in volumes)
            rows.append((a, b, c))
        return synthesis_montage(rows)

    @torch.no_grad()
    def _predicted(self, pair: Batch) -> Answer:
        with self._autocast():
            raw = self._network(pair.mr.to(self._device))
        return decode(raw, self._anchors, self._temperature)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16")


def regression_network(spec: ResidualUNetSpec, seed: int, device: torch.device) -> ResidualUNet:
    """Return a network with the first weights of `seed`."""
    torch.manual_seed(seed)
    return ResidualUNet(spec).to(device)


def _means(errors: Sequence[RegionErrors]) -> dict[str, float]:
    """Return the mean of each figure over the pairs that have it; NaN where none has."""
    figures = {
        "mae_body": [one.body.mae for one in errors],
        "me_body": [one.body.me for one in errors],
        "mae_soft": [one.soft.mae for one in errors if one.soft],
        "mae_bone": [one.bone.mae for one in errors if one.bone],
        "dice_bone": [one.dice_bone for one in errors if one.dice_bone is not None],
    }
    return {name: float(np.mean(values)) if values else float("nan") for name, values in figures.items()}
