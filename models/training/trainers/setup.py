"""What every trainer is given to make its objective."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.batches import Batch
from models.training.parts.registry import Parts
from models.training.tasks import Task


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """A task, the parts to do it with, and where.

    Attributes
    ----------
    held_out
        Samples that validate, one a batch, on any device.
    device
        On which the networks learn.
    precision
        Of convolutions: ``bfloat16`` or ``float32``.
    seed
        Of the first weights.
    """

    task: Task
    parts: Parts
    held_out: Sequence[Batch]
    device: torch.device
    precision: str
    seed: int
