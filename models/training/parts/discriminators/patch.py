"""The patch discriminator of pix2pix (Isola et al. 2017): for each patch of an image a score, not one for the whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from models.packages.closed import Closed
from models.training.tasks import Task


class PatchDiscriminator(nn.Module):
    """Strided convolutions of kernel 4, instance normalisation and leaky rectifiers; the last gives the scores."""

    def __init__(self, channels_in: int, widths: tuple[int, ...], dimensions: Literal[2, 3]) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        norm = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
        layers: list[nn.Module] = []
        before = channels_in
        for level, width in enumerate(widths):
            layers.append(convolution(before, width, 4, stride=2, padding=1))
            if level > 0:
                layers.append(norm(width, affine=True))
            layers.append(nn.LeakyReLU(0.2))
            before = width
        layers.append(convolution(before, 1, 3, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Map (batch, channels_in, ...) to scores (batch, 1, ...), high where an image looks true."""
        scores: Tensor = self.layers(images)
        return scores


class PatchPart(Closed):
    """Its size; it sees the inputs beside the true or the made target."""

    kind: Literal["patch"]
    widths: tuple[int, ...] = Field(min_length=1, max_length=5)

    @property
    def least_voxels(self) -> int:
        """A patch's side must be at least this, so that the last normalisation has more than one value."""
        return 2 << len(self.widths)

    def build(self, task: Task) -> PatchDiscriminator:
        """Return the network with weights by torch's generator."""
        return PatchDiscriminator(task.channels + task.target.channels, self.widths, task.dimensions)
