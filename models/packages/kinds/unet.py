"""A `models.networks.unet.UNet`: values in any unit, or logits of labels, on volumes or on axial slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from models.packages.kinds.base import NetworkKind

if TYPE_CHECKING:
    from torch import nn

    from models.packages.package import ModelPackage


class UNetShape(NetworkKind):
    """What a card says of a U-Net, however it is asked.

    Attributes
    ----------
    widths
        See `models.networks.unet.UNetSpec`.
    offset, scale
        A synthesis is the answer times `scale` plus `offset`, in the output's unit; of a segmentation 0 and 1.
    """

    widths: tuple[int, ...] = Field(min_length=1)
    offset: float
    scale: float = Field(gt=0)
    precisions: tuple[Literal["bfloat16", "float32"], ...] = ("bfloat16", "float32")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        step = self.tile_step
        if any(side % step for side in self.tile_voxels[: self.dimensions]):
            raise ValueError(f"tile_voxels must be multiples of {step}, got {self.tile_voxels}")
        return self

    @property
    def dimensions(self) -> Literal[2, 3]:
        """Whether it sees axial slices or volumes."""
        return 2 if self.tile_voxels[2] == 1 else 3

    @property
    def tile_step(self) -> int:
        """Of what a tile's sides are multiples."""
        return int(2 ** (len(self.widths) - 1))


class UNetNetwork(UNetShape):
    """A U-Net that is asked once.

    Attributes
    ----------
    neighbours
        Of a network on axial slices, how many slices below and above it sees as further channels (2.5D).
    """

    kind: Literal["unet"]
    neighbours: int = Field(default=0, ge=0, le=8)

    @model_validator(mode="after")
    def _has_slices(self) -> Self:
        if self.neighbours and self.dimensions == 3:
            raise ValueError(f"neighbours are those of a slice, and tile_voxels are {self.tile_voxels}")
        return self

    @property
    def slices_beside(self) -> int:
        """See `neighbours`."""
        return self.neighbours

    def export_misfit(self) -> str | None:
        """Return why the network alone is no model for other software; None where its graph can be written."""
        return "it sees the slices beside a tile, and a graph is given the tile alone" if self.neighbours else None

    def module(self, package: ModelPackage) -> nn.Module:
        """Return the network with the package's weights and its readout."""
        from models.networks.building import unet

        return unet(package, self)
