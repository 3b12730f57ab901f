"""The parts that a recipe may name. To add one: write its file, and put its class into the union here."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from models.packages.closed import Closed
from models.training.parts.discriminators.patch import PatchPart
from models.training.parts.generators.residual_unet import ResidualUNetPart
from models.training.parts.generators.stepped_unet import SteppedUNetPart
from models.training.parts.generators.unet import UNetPart
from models.training.parts.losses.gradient_difference import GradientDifference
from models.training.parts.losses.masked_l1 import MaskedL1
from models.training.parts.losses.threshold_dice import ThresholdDice
from models.training.parts.losses.tissue_l1 import TissueL1
from models.training.tasks import Task

GeneratorPart = Annotated[ResidualUNetPart | UNetPart | SteppedUNetPart, Field(discriminator="kind")]
DiscriminatorPart = PatchPart
ImageLoss = Annotated[MaskedL1 | GradientDifference | TissueL1 | ThresholdDice, Field(discriminator="kind")]
"""Losses between a made and a true image over a region."""

StepLoss = Annotated[MaskedL1 | GradientDifference, Field(discriminator="kind")]
"""Those that ask nothing of the target's unit: what a network answers at a step of a sampler has none."""


class Parts(Closed):
    """The networks of a recipe.

    Attributes
    ----------
    generator
        Gives what the task asks for; it is what a package gets.
    discriminator
        Of adversarial trainers, and of no others.
    """

    generator: GeneratorPart
    discriminator: DiscriminatorPart | None = None

    def parameters(self, task: Task) -> int:
        """Return the number of trained values of all networks; none of them is built."""
        with torch.device("meta"):
            networks = [self.generator.build(task)] + ([self.discriminator.build(task)] if self.discriminator else [])
            return sum(value.numel() for network in networks for value in network.parameters())
