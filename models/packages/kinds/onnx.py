"""A graph in ``model.onnx``: what an import made of another software's network."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from models.packages.kinds.base import NetworkKind

if TYPE_CHECKING:
    from models.networks.building import Network
    from models.packages.card import Card
    from models.packages.package import ModelPackage


class OnnxNetwork(NetworkKind):
    """A graph that needs no spec: (batch, inputs, z, y, x) float32 in, (batch, channels, z, y, x) out.

    Fields of a synthesis are the value in the output's unit and, where there is a second, the scale of its Laplace
    distribution; of a segmentation the logits of background and of each label in rising order.

    Attributes
    ----------
    channels
        How many the graph gives, as counted when it was imported; None where it leaves that open.
    """

    kind: Literal["onnx"]
    channels: int | None = Field(default=None, ge=1)
    precisions: tuple[Literal["float32"], ...] = ("float32",)

    holds_gate: ClassVar[bool] = False
    trainable: ClassVar[bool] = False

    def predicts_scale(self, card: Card) -> bool | None:
        """Return whether there is a second field; None where the graph leaves it open."""
        if card.task.kind == "segmentation":
            return False
        return None if self.channels is None else self.channels > 1

    def build(self, package: ModelPackage, device: str, precision: str) -> Network:
        """Return the graph."""
        from models.networks.onnx_network import OnnxRunner

        return OnnxRunner(package, device)
