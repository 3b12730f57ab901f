"""The model card, schema 3: what a model is for, what it may be given, how it is built, and what was measured.

Unknown keys fail, so that nothing that a person wrote on a card is silently passed over.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.packages.closed import Closed
from models.packages.evidence import CardCalibration, CardGate, CardGolden, CardMetrics, CardTraining
from models.packages.kinds.registry import CardNetwork
from models.quantities import Quantity, check_stated

DISCLAIMER = "Research use only. Not a medical device."
"""Opens every card."""

SCHEMA = 3
"""The only schema of cards that is read; what was written for an older one is packed or imported again."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Millimetres = tuple[float, float, float]


class Status(StrEnum):
    """How far a model may be trusted."""

    REFERENCE = "reference"
    SITE_RELEASED = "site-released"


class CardTask(Closed):
    """What the model does: its kind, and a line for people."""

    kind: Literal["synthesis", "segmentation"]
    title: str = Field(min_length=1)


class ForegroundPercentile(Closed):
    """Divided by the 90th percentile of the foreground and cut to [0, 3]: see `models.intensity`."""

    kind: Literal["foreground-percentile"] = "foreground-percentile"


class ZScore(Closed):
    """Mean 0 and standard deviation 1 over `region`: the whole image, or its voxels that are not 0; 0 then stays 0."""

    kind: Literal["zscore"] = "zscore"
    region: Literal["image", "nonzero"] = "image"


class Fixed(Closed):
    """Cut to [lowest, highest], then (value - mean) / deviation: for units that mean the same everywhere, as HU do."""

    kind: Literal["fixed"] = "fixed"
    lowest: float
    highest: float
    mean: float
    deviation: float = Field(gt=0)


Normalisation = Annotated[ForegroundPercentile | ZScore | Fixed, Field(discriminator="kind")]


class InputLimits(Closed):
    """One input and the acquisition limits outside which the model was never tried.

    Attributes
    ----------
    name, aliases
        The input's name, and other names by which a person may give it on the command line, e.g. ``t1``.
    modality
        DICOM modality.
    quantity, unit
        What its numbers mean, and their unit: see `models.quantities`. The value beyond its field follows.
    contrasts
        Weightings that training covered, e.g. ``T1``, of MR signal; of other quantities none.
    normalisation
        How its values are brought to the scale that the network sees.
    age_years_min
        Youngest patient in years.
    distortion_correction_required
        Whether images must carry the scanner's gradient distortion correction.
    max_in_plane_mm, max_slice_mm
        Coarsest sampling in mm.
    field_strength_tesla
        Lowest and highest field strength in tesla; None for modalities without a field.
    min_field_of_view_mm
        Least extent along each of the patient's axes in mm.
    min_slices
        Fewest slices.
    """

    name: Name
    aliases: tuple[Name, ...] = ()
    modality: Literal["MR", "CT", "PT", "SEG"]
    quantity: Quantity
    unit: str
    contrasts: tuple[str, ...]
    normalisation: Normalisation
    age_years_min: float = Field(ge=0)
    distortion_correction_required: bool
    max_in_plane_mm: float = Field(gt=0)
    max_slice_mm: float = Field(gt=0)
    field_strength_tesla: tuple[float, float] | None
    min_field_of_view_mm: float = Field(gt=0)
    min_slices: int = Field(ge=1)

    @model_validator(mode="after")
    def _agrees(self) -> InputLimits:
        check_stated(self.quantity, self.unit, self.modality)
        if self.quantity is Quantity.MR_SIGNAL and (not self.contrasts or self.field_strength_tesla is None):
            raise ValueError("an input of mr-signal states contrasts and field_strength_tesla")
        if isinstance(self.normalisation, ForegroundPercentile) and self.quantity.facts.body_above is not None:
            raise ValueError(f"foreground-percentile would take away the unit of {self.quantity}")
        return self


class CardOutput(Closed):
    """What comes out.

    Attributes
    ----------
    modality
        DICOM modality of what is written.
    quantity, unit
        What its numbers mean, and their unit: see `models.quantities`.
    lowest, highest
        Values never leave this range, in `unit`.
    voxel_mm
        Voxel spacing along x, y, z on which the model works and on which it must be asked, in mm.
    outside
        Value given outside the source's field and to tiles without body: of CT numbers that of air.
    labels
        Of a SEG, the value of each structure by its name; 0 is background and has no name.
    """

    modality: Literal["CT", "MR", "PT", "SEG"]
    quantity: Quantity
    unit: str
    lowest: float
    highest: float
    voxel_mm: Millimetres
    outside: float
    labels: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agrees(self) -> CardOutput:
        check_stated(self.quantity, self.unit, self.modality)
        if self.lowest >= self.highest:
            raise ValueError(f"lowest must be below highest, got {self.lowest:g} and {self.highest:g}")
        if not self.lowest <= self.outside <= self.highest:
            raise ValueError(f"outside must lie within lowest and highest, got {self.outside:g}")
        if self.labels and self.outside != 0:
            raise ValueError(f"outside of a SEG is background, 0, got {self.outside:g}")
        if min(self.voxel_mm) <= 0:
            raise ValueError(f"voxel_mm must be positive, got {self.voxel_mm}")
        if sorted(self.labels.values()) != list(range(1, len(self.labels) + 1)):
            raise ValueError(f"labels must have the values 1 to {len(self.labels)}, got {self.labels}")
        if (self.modality == "SEG") != bool(self.labels):
            raise ValueError("a SEG states its labels, and nothing else does")
        return self


class Card(Closed):
    """A model card.

    Attributes
    ----------
    body_site
        In small letters, ``head`` for a head: the input gate and the pipelines go by it.
    calibration, gate
        None where the uncertainty was never measured or the model has no input gate.
    site_must
        What a site must still do before it may release the model for its own use; empty once that is done.
    sha256
        Hash of the package's content without this entry itself.
    """

    schema_: Literal[3] = Field(alias="schema")
    name: Name
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    status: Status
    task: CardTask
    body_site: Annotated[str, Field(pattern=r"^[a-z][a-z ,-]*$")]
    intended_use: str
    disclaimer: Literal["Research use only. Not a medical device."]
    licence: str
    inputs: tuple[InputLimits, ...] = Field(min_length=1)
    output: CardOutput
    network: CardNetwork
    training: CardTraining
    metrics: CardMetrics
    calibration: CardCalibration | None
    gate: CardGate | None
    golden: CardGolden
    limits: tuple[str, ...] = Field(min_length=1)
    site_must: tuple[str, ...]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _agrees(self) -> Card:
        names = [name for one in self.inputs for name in (one.name, *one.aliases)]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"inputs: a name is used twice: {', '.join(doubled)}")
        if (self.task.kind == "segmentation") != (self.output.modality == "SEG"):
            raise ValueError(f"output: a {self.task.kind} cannot give a {self.output.modality}")
        if reason := self.network.misfit(self):
            raise ValueError(f"network: {reason}")
        if self.calibration is not None and self.predicts_scale is False and self.calibration.speaks_of_scale:
            raise ValueError("calibration: the network predicts no scale that could be calibrated")
        if self.calibration is not None and self.task.kind == "segmentation":
            raise ValueError("calibration: a label has no error that could be bounded")
        if self.gate is not None and not self.network.holds_gate:
            raise ValueError(
                f"gate: its weights lie in weights.safetensors, which a package of kind {self.network.kind} has not"
            )
        return self

    @property
    def predicts_scale(self) -> bool | None:
        """Whether the network says how sure it is; None where only its answers tell."""
        return self.network.predicts_scale(self)

    @property
    def scale_factor(self) -> float | None:
        """What a predicted scale is multiplied by; None where it was never measured, or the network predicts none."""
        return None if self.calibration is None or self.predicts_scale is False else self.calibration.factor

    def input(self, name: str) -> InputLimits | None:
        """Return the input of that name or alias, None when there is none."""
        return next((one for one in self.inputs if name in (one.name, *one.aliases)), None)
