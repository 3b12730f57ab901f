"""The residual U-Net over anchors: see `models.networks.residual_unet` for architecture and papers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.packages.closed import Closed
from models.quantities import Quantity
from models.training.parts.answers import Answers
from models.training.tasks import Task


class ResidualUNetPart(Closed):
    """Its size; it answers with a distribution over CT numbers and sees volumes alone."""

    kind: Literal["residual-unet"]
    widths: tuple[int, ...] = Field(min_length=2, max_length=6)
    anchors_hu: tuple[float, ...] = Field(min_length=3)
    heads: int = Field(ge=1, le=8)

    answers: ClassVar[Answers] = Answers.DISTRIBUTION

    @model_validator(mode="after")
    def _rises(self) -> ResidualUNetPart:
        if list(self.anchors_hu) != sorted(set(self.anchors_hu)):
            raise ValueError("anchors_hu must rise")
        return self

    @property
    def step_voxels(self) -> int:
        """A patch's side must be a multiple of this."""
        return 1 << len(self.widths)

    def misfit(self, task: Task) -> str | None:
        """Return why it cannot do `task`; None where it can."""
        if task.dimensions != 3:
            return "residual-unet sees volumes: patch_voxels along z must be more than 1"
        wanted = (self.anchors_hu[0], self.anchors_hu[-1])
        if task.target.quantity is not Quantity.CT_NUMBER or (task.target.lowest, task.target.highest) != wanted:
            return f"residual-unet answers in HU from {wanted[0]:g} to {wanted[1]:g}: the target must be such a CT"
        return None

    def spec(self, task: Task) -> ResidualUNetSpec:
        """Return what the network is built by."""
        return ResidualUNetSpec(self.widths, self.anchors_hu, self.heads, len(task.inputs))

    def build(self, task: Task) -> ResidualUNet:
        """Return the network with weights by torch's generator."""
        return ResidualUNet(self.spec(task))

    def card_network(self, task: Task) -> dict[str, object]:
        """Return what a card's entry ``network`` says of it."""
        return {
            "kind": self.kind,
            "widths": list(self.widths),
            "anchors_hu": list(self.anchors_hu),
            "heads": self.heads,
        }
