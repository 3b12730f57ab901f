"""A `models.networks.residual_unet.ResidualUNet`: CT numbers as a distribution over anchors, with a Laplace scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from models.packages.kinds.base import NetworkKind
from models.quantities import Quantity

if TYPE_CHECKING:
    from torch import nn

    from models.networks.residual_unet import ResidualUNet
    from models.packages.card import Card
    from models.packages.package import ModelPackage


class ResidualUNetNetwork(NetworkKind):
    """What a card says of it.

    Attributes
    ----------
    widths, anchors_hu, heads
        See `models.networks.residual_unet.ResidualUNetSpec`.
    temperature
        What the logits are divided by before the mean is taken. Below 1 the mean leans towards the likeliest CT number,
        which lowers the absolute error; 1 gives the distribution as trained.
    """

    kind: Literal["residual-unet"]
    widths: tuple[int, ...] = Field(min_length=2)
    anchors_hu: tuple[float, ...] = Field(min_length=3)
    heads: int = Field(ge=1)
    temperature: float = Field(default=1.0, gt=0, le=1)
    precisions: tuple[Literal["bfloat16", "float32"], ...] = ("bfloat16", "float32")

    @model_validator(mode="after")
    def _fits(self) -> ResidualUNetNetwork:
        step = self.tile_step
        if min(self.tile_voxels) < step or any(side % step for side in self.tile_voxels):
            raise ValueError(f"tile_voxels must be multiples of {step}, got {self.tile_voxels}")
        if list(self.anchors_hu) != sorted(set(self.anchors_hu)):
            raise ValueError("anchors_hu must rise")
        return self

    @property
    def tile_step(self) -> int:
        """Of what a tile's sides are multiples."""
        return int(2 ** len(self.widths))

    def misfit(self, card: Card) -> str | None:
        """Return why it cannot give the card's output; None where it can."""
        fits = card.output.quantity is Quantity.CT_NUMBER
        return None if fits else "residual-unet answers in HU, so the output must be of ct-number"

    def predicts_scale(self, card: Card) -> bool:
        """Return that it does."""
        return True

    def module(self, package: ModelPackage) -> nn.Module:
        """Return the network with the package's weights and its readout."""
        from models.networks.building import residual_unet

        return residual_unet(package, self)

    def encoder(self, package: ModelPackage) -> ResidualUNet:
        """Return the network without its readout."""
        from models.networks.building import residual_unet

        return residual_unet(package, self).network
