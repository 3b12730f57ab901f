"""AdamW (Loshchilov and Hutter 2019), and the running average of the weights that it finds."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from models.packages.closed import Closed


class OptimiserPlan(Closed):
    """Rates and decays of one network's optimiser; `momentum` is its first beta."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    average_decay: float = Field(gt=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)

    def build(self, network: nn.Module, rate: float | None = None) -> torch.optim.AdamW:
        """Return the optimiser of `network`; `rate` in place of the learning rate."""
        return torch.optim.AdamW(
            network.parameters(),
            lr=self.learning_rate if rate is None else rate,
            betas=(self.momentum, 0.999),
            weight_decay=self.weight_decay,
        )
