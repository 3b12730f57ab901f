"""What a network is to do: its inputs and how they are scaled, the target and its range, and on which grid it works."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from models.packages.card import CardOutput, Millimetres, Name, Normalisation
from models.packages.closed import Closed
from models.quantities import Quantity


class TaskInput(Closed):
    """One image that the network sees.

    Attributes
    ----------
    name
        As in the data, and on the card of what comes of it.
    quantity
        What its numbers mean: see `models.quantities`. Files have them in its unit.
    normalisation
        How its values are brought to the network's scale, in training as in use.
    """

    name: Name
    quantity: Quantity
    normalisation: Normalisation


class TaskTarget(Closed):
    """What the network is to give.

    Attributes
    ----------
    name
        As in the data.
    modality
        DICOM modality of what the package gives.
    quantity
        What its numbers mean: see `models.quantities`. Of mr-signal, 1 is the 90th percentile of the foreground.
    lowest, highest, outside
        Range of its values, and the value outside the images, in its unit; of a SEG they follow from the labels.
    labels
        Of a SEG, the value of each structure by its name; 0 is background.
    """

    name: Name
    modality: Literal["CT", "MR", "PT", "SEG"]
    quantity: Quantity
    lowest: float = 0.0
    highest: float = 1.0
    outside: float = 0.0
    labels: dict[str, int] = Field(default_factory=dict)

    @property
    def channels(self) -> int:
        """Channels of a network that answers: one value, or a logit for background and each label."""
        return len(self.labels) + 1 if self.labels else 1

    @property
    def offset(self) -> float:
        """The middle of its range: a network's 0."""
        return 0.0 if self.labels else (self.lowest + self.highest) / 2

    @property
    def scale(self) -> float:
        """Half of its range: a network's 1."""
        return 1.0 if self.labels else (self.highest - self.lowest) / 2


class Task(Closed):
    """Inputs, target and grid.

    Attributes
    ----------
    voxel_mm
        Voxel spacing along x, y, z in mm.
    patch_voxels
        Size of a training patch along x, y, z, which is the tile in use; 1 along z for networks on axial slices.
    neighbours
        Of a network on axial slices, how many slices below and above it sees as further channels (2.5D).
    """

    inputs: tuple[TaskInput, ...] = Field(min_length=1)
    target: TaskTarget
    voxel_mm: Millimetres
    patch_voxels: tuple[int, int, int]
    neighbours: int = Field(default=0, ge=0, le=8)

    @model_validator(mode="after")
    def _agrees(self) -> Task:
        names = [one.name for one in self.inputs] + [self.target.name]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"a name is used twice: {', '.join(doubled)}")
        if min(self.patch_voxels) < 1:
            raise ValueError(f"patch_voxels must be positive, got {self.patch_voxels}")
        if self.neighbours and self.dimensions == 3:
            raise ValueError(f"neighbours are those of a slice, and patch_voxels are {self.patch_voxels}")
        self.output  # noqa: B018  # what no card could say is refused here
        return self

    @property
    def dimensions(self) -> Literal[2, 3]:
        """Whether the network sees axial slices or volumes."""
        return 2 if self.patch_voxels[2] == 1 else 3

    @property
    def tile(self) -> tuple[int, int, int]:
        """Shape (k, j, i) of a patch as an array."""
        x, y, z = self.patch_voxels
        return z, y, x

    @property
    def channels(self) -> int:
        """Channels that the network sees: of each input its slice and the neighbours, from the lowest up."""
        return len(self.inputs) * (1 + 2 * self.neighbours)

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names, in the order of the network's channels."""
        return tuple(one.name for one in self.inputs)

    @property
    def output(self) -> CardOutput:
        """The entry ``output`` of a card."""
        target = self.target
        return CardOutput(
            modality=target.modality,
            quantity=target.quantity,
            unit=target.quantity.unit,
            lowest=0.0 if target.labels else target.lowest,
            highest=float(max(target.labels.values())) if target.labels else target.highest,
            voxel_mm=self.voxel_mm,
            outside=target.outside,
            labels=target.labels,
        )
