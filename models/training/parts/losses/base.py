"""What every loss between a made and a true image has in common."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from models.packages.closed import Closed
from models.training.tasks import TaskTarget


class ImageLossPart(Closed):
    """Its weight in the sum. A loss is called with images scaled so that the target's range is -1 to 1."""

    weight: float = Field(gt=0)

    def scaled(self, target: TaskTarget) -> Self:
        """Return the loss with its limits, which a recipe states in the target's unit, on that scale."""
        return self
