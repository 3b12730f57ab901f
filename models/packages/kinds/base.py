"""What every kind of network says on a card, and what the engine and the tools ask of it instead of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from models.packages.closed import Closed

if TYPE_CHECKING:
    from torch import nn

    from models.inference.sampling import Sampler
    from models.networks.building import Network
    from models.networks.residual_unet import ResidualUNet
    from models.packages.card import Card
    from models.packages.package import ModelPackage


class NetworkKind(Closed):
    """The base of the card's entry ``network``; a card is read without torch, which `build` imports.

    Attributes
    ----------
    tile_voxels
        Size of the tile along x, y, z that the network is run on, as in training; 1 along z for axial slices.
    overlap
        Share of a tile that its neighbour covers too.
    precisions
        Number formats in which its output was found within the golden tolerance; the device's fastest is used.
    parameters
        Number of trained values.
    """

    tile_voxels: tuple[int, int, int]
    overlap: float = Field(default=0.5, ge=0, le=0.75)
    precisions: tuple[Literal["bfloat16", "float32"], ...] = Field(min_length=1)
    parameters: int = Field(ge=1)

    holds_gate: ClassVar[bool] = True
    """Whether its file (`models.packages.contents.network_file`) can hold an input gate's weights too."""
    trainable: ClassVar[bool] = True
    """Whether its layers are known, so that a training can begin from it."""

    @model_validator(mode="after")
    def _can_be_compared(self) -> NetworkKind:
        if "float32" not in self.precisions:
            raise ValueError("precisions must have float32, in which the golden output is made")
        if min(self.tile_voxels) < 1:
            raise ValueError(f"tile_voxels must be positive, got {self.tile_voxels}")
        return self

    @property
    def tile_shape(self) -> tuple[int, int, int]:
        """Shape (k, j, i) of a tile as an array."""
        x, y, z = self.tile_voxels
        return z, y, x

    @property
    def tile_step(self) -> int | None:
        """Of what a tile's sides are multiples; None where the network takes one size only."""
        return None

    @property
    def slices_beside(self) -> int:
        """How many slices below and above a tile the network sees without answering for them."""
        return 0

    def misfit(self, card: Card) -> str | None:
        """Return why it cannot give the card's output; None where it can."""
        return None

    def export_misfit(self) -> str | None:
        """Return why the network alone is no model for other software; None where its graph can be written."""
        return None

    def predicts_scale(self, card: Card) -> bool | None:
        """Return whether it says how sure it is; None where only its answers tell."""
        return False

    def sampler(self) -> Sampler:
        """Return how often the network is asked for a field, and what becomes of its answers; by default once."""
        from models.inference.sampling import OneStep

        return OneStep()

    def module(self, package: ModelPackage) -> nn.Module | None:
        """Return the network with the package's weights and its readout, on the CPU in float32; None of a graph."""
        return None

    def encoder(self, package: ModelPackage) -> ResidualUNet | None:
        """Return the network whose deepest features say how alike two of its outputs are; None where it has none."""
        return None

    def build(self, package: ModelPackage, device: str, precision: str) -> Network:
        """Return what answers for tiles; see `models.networks.building.network_for`."""
        from models.networks.building import running

        module = self.module(package)
        assert module is not None
        return running(module, device, precision)
