"""A U-Net that is asked by steps: see `models.inference.sampling` for samplers and papers."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from models.inference.sampling import Scale, SteppedSampler
from models.networks.unet import UNet, UNetSpec
from models.packages.closed import Closed
from models.packages.kinds.stepped_unet import DdimSteps, FlowSteps
from models.training.parts.answers import Answers
from models.training.parts.generators.unet import UNetPart
from models.training.tasks import Task


class SteppedUNetPart(Closed):
    """Its size, and how it is asked; behind the inputs it sees the state and the time as a channel each."""

    kind: Literal["stepped-unet"]
    widths: tuple[int, ...] = Field(min_length=1, max_length=6)
    sampling: Annotated[DdimSteps | FlowSteps, Field(discriminator="kind")]

    answers: ClassVar[Answers] = Answers.STEP

    @property
    def step_voxels(self) -> int:
        """A patch's side must be a multiple of this."""
        return 1 << (len(self.widths) - 1)

    def misfit(self, task: Task) -> str | None:
        """Return why it cannot do `task`; None where it can."""
        if task.target.labels:
            return "stepped-unet gives values, and no labels"
        if task.neighbours:
            return "stepped-unet sees no neighbours: the state has none beyond the field"
        begins_at = getattr(self.sampling, "begins_at", None)
        if begins_at is not None and begins_at >= len(task.inputs):
            return f"sampling begins at input {begins_at}, and there are {len(task.inputs)}"
        reason = UNetPart(kind="unet", widths=self.widths).misfit(task)
        return None if reason is None else reason.replace("unet", self.kind, 1)

    def sampler(self, task: Task) -> SteppedSampler:
        """Return how it is asked for the values of `task`."""
        return self.sampling.build(Scale(task.target.offset, task.target.scale))

    def build(self, task: Task) -> UNet:
        """Return the network with weights by torch's generator."""
        channels_in = task.channels + self.sampler(task).channels
        return UNet(UNetSpec(self.widths, task.dimensions, channels_in, 1))

    def card_network(self, task: Task) -> dict[str, object]:
        """Return what a card's entry ``network`` says of it."""
        return {
            "kind": self.kind,
            "widths": list(self.widths),
            "offset": task.target.offset,
            "scale": task.target.scale,
            "sampling": self.sampling.model_dump(mode="json"),
        }
