"""The plain U-Net: see `models.networks.unet` for architecture and papers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from models.networks.unet import UNet, UNetSpec
from models.packages.closed import Closed
from models.training.parts.answers import Answers
from models.training.tasks import Task


class UNetPart(Closed):
    """Its size; slices or volumes, channels in and out follow from the task."""

    kind: Literal["unet"]
    widths: tuple[int, ...] = Field(min_length=1, max_length=6)

    answers: ClassVar[Answers] = Answers.VALUES

    @property
    def step_voxels(self) -> int:
        """A patch's side must be a multiple of this."""
        return 1 << (len(self.widths) - 1)

    def misfit(self, task: Task) -> str | None:
        """Return why it cannot do `task`; None where it can."""
        least = 2 * self.step_voxels
        if max(task.patch_voxels[: task.dimensions]) < least:
            return f"unet needs patches of {least} voxels along one side or more: instance norm cannot take one voxel"
        return None

    def spec(self, task: Task) -> UNetSpec:
        """Return what the network is built by."""
        return UNetSpec(self.widths, task.dimensions, task.channels, task.target.channels)

    def build(self, task: Task) -> UNet:
        """Return the network with weights by torch's generator."""
        return UNet(self.spec(task))

    def card_network(self, task: Task) -> dict[str, object]:
        """Return what a card's entry ``network`` says of it."""
        return {
            "kind": self.kind,
            "widths": list(self.widths),
            "offset": task.target.offset,
            "scale": task.target.scale,
            "neighbours": task.neighbours,
        }
