"""A `models.networks.unet.UNet` that is asked by steps: diffusion, or a rectified flow from noise or an input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from models.packages.closed import Closed
from models.packages.kinds.unet import UNetShape

if TYPE_CHECKING:
    from torch import nn

    from models.inference.sampling import Sampler, Scale, SteppedSampler
    from models.packages.card import Card
    from models.packages.package import ModelPackage


class DdimSteps(Closed):
    """See `models.inference.sampling.Ddim`."""

    kind: Literal["ddim"]
    steps: int = Field(ge=1, le=1000)
    seed: int = Field(ge=0)
    predicts: Literal["noise", "image"]

    def build(self, unit: Scale) -> SteppedSampler:
        """Return the sampler."""
        from models.inference.sampling import Ddim

        return Ddim(self.steps, self.seed, self.predicts, unit)


class FlowSteps(Closed):
    """See `models.inference.sampling.RectifiedFlow`; `begins_at` is the number of an input, None for noise."""

    kind: Literal["rectified-flow"]
    steps: int = Field(ge=1, le=1000)
    seed: int = Field(ge=0)
    begins_at: int | None = Field(default=None, ge=0)

    def build(self, unit: Scale) -> SteppedSampler:
        """Return the sampler."""
        from models.inference.sampling import RectifiedFlow

        return RectifiedFlow(self.steps, self.seed, self.begins_at, unit)


class SteppedUNetNetwork(UNetShape):
    """What a card says of it; its channels are the inputs, the state and the time.

    Attributes
    ----------
    sampling
        How it is asked.
    offset, scale
        The output is the last state times `scale` plus `offset`, in the output's unit.
    """

    kind: Literal["stepped-unet"]
    sampling: Annotated[DdimSteps | FlowSteps, Field(discriminator="kind")]

    def misfit(self, card: Card) -> str | None:
        """Return why it cannot give the card's output; None where it can."""
        if card.task.kind == "segmentation":
            return "stepped-unet gives values, and no labels"
        begins_at = getattr(self.sampling, "begins_at", None)
        if begins_at is not None and begins_at >= len(card.inputs):
            return f"sampling begins at input {begins_at}, and there are {len(card.inputs)}"
        return None

    def export_misfit(self) -> str | None:
        """Return why the network alone is no model for other software."""
        return "it is asked by steps, and a graph of one step would be taken for the whole"

    def sampler(self) -> Sampler:
        """Return how the network is asked for a field."""
        from models.inference.sampling import Scale

        return self.sampling.build(Scale(self.offset, self.scale))

    def module(self, package: ModelPackage) -> nn.Module:
        """Return the network with the package's weights; its answers are on its own scale."""
        from models.networks.building import stepped_unet

        return stepped_unet(package, self)
