"""Least-squares adversarial loss (Mao et al. 2017): for the discriminator D and what the generator G made.

L_D = mean (D(true) - 1)^2 / 2 + mean D(made)^2 / 2;  L_G = mean (D(made) - 1)^2.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from models.packages.closed import Closed


class LeastSquaresAdversarial(Closed):
    """Its weight in the generator's sum."""

    kind: Literal["least-squares"]
    weight: float = Field(gt=0)

    def of_generator(self, made: Tensor) -> Tensor:
        """Return what the generator is to lower, of the discriminator's scores of what it made."""
        return (made.float() - 1).square().mean()

    def of_discriminator(self, true: Tensor, made: Tensor) -> Tensor:
        """Return what the discriminator is to lower, of its scores of true and made images."""
        return 0.5 * ((true.float() - 1).square().mean() + made.float().square().mean())
