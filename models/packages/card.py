"""The model card: what a model is for, what it may be given, what it was trained on, and how well it did."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Status(StrEnum):
    """How far a model may be trusted."""

    REFERENCE = "reference"
    SITE_RELEASED = "site-released"


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class InputLimits(_Closed):
    """One input and the acquisition limits outside which the model was never tried.

    Attributes
    ----------
    name, modality
        The slot's name and its DICOM modality.
    contrasts
        Weightings that training covered, e.g. ``T1``.
    age_years_min
        Youngest patient in years.
    distortion_correction_required
        Whether images must carry the scanner's gradient distortion correction.
    max_in_plane_mm, max_slice_mm
        Coarsest sampling in mm.
    field_strength_tesla
        Lowest and highest field strength in tesla.
    min_field_of_view_mm
        Least extent along each of the patient's axes in mm.
    min_slices
        Fewest slices.
    """

    name: str
    modality: str
    contrasts: tuple[str, ...] = Field(min_length=1)
    age_years_min: float = Field(ge=0)
    distortion_correction_required: bool
    max_in_plane_mm: float = Field(gt=0)
    max_slice_mm: float = Field(gt=0)
    field_strength_tesla: tuple[float, float]
    min_field_of_view_mm: float = Field(gt=0)
    min_slices: int = Field(ge=1)


class CardOutput(_Closed):
    """What comes out.

    Attributes
    ----------
    modality, unit
        E.g. CT in HU.
    lowest, highest
        Values never leave this range, in `unit`.
    voxel_mm
        Voxel spacing along x, y, z on which the model works and on which it must be asked, in mm.
    air_hu
        Value given to air outside the body.
    """

    modality: Literal["CT"]
    unit: Literal["HU"]
    lowest: float
    highest: float
    voxel_mm: tuple[float, float, float]
    air_hu: float


class CardNetwork(_Closed):
    """How to build the network around the weights.

    Attributes
    ----------
    kind
        The network's name.
    widths, anchors_hu
        See `models.networks.residual_unet.ResidualUNetSpec`.
    tile_voxels
        Side of the cubic tile that the network is run on, as in training.
    temperature
        What the logits are divided by before the mean is taken. Below 1 the mean leans towards the likeliest CT number,
        which lowers the absolute error; 1 gives the distribution as trained.
    parameters
        Number of trained values.
    """

    kind: Literal["residual-unet"]
    widths: tuple[int, ...] = Field(min_length=2)
    anchors_hu: tuple[float, ...] = Field(min_length=3)
    tile_voxels: int = Field(ge=16)
    temperature: float = Field(default=1.0, gt=0, le=1)
    parameters: int = Field(ge=1)

    @model_validator(mode="after")
    def _fits(self) -> CardNetwork:
        if self.tile_voxels % 2 ** len(self.widths):
            raise ValueError(f"tile_voxels must be a multiple of {2 ** len(self.widths)}, got {self.tile_voxels}")
        if list(self.anchors_hu) != sorted(set(self.anchors_hu)):
            raise ValueError("anchors_hu must rise")
        return self


class CardTraining(_Closed):
    """Where the weights come from.

    Attributes
    ----------
    data, source, licence
        What was trained on, from where, under which licence.
    trained_on, held_out
        Names of the cases.
    recipe
        Name of the recipe.
    steps, minutes
        How long it was trained.
    """

    data: str
    source: str
    licence: str
    trained_on: tuple[str, ...]
    held_out: tuple[str, ...]
    recipe: str
    steps: int = Field(ge=0)
    minutes: float = Field(ge=0)


class MetricRow(_Closed):
    """One method's figures, means over the held-out cases: MAE in HU by region, and the Dice overlap of bone."""

    method: str
    contrast: str
    mae_body: float
    mae_soft: float
    mae_bone: float
    dice_bone: float


class CardMetrics(_Closed):
    """How the figures were measured, and the figures."""

    protocol: str
    rows: tuple[MetricRow, ...]


class Card(_Closed):
    """A model card. `sha256` is the hash of the package's content without that entry itself."""

    schema_: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    status: Status
    task: str
    body_site: str
    intended_use: str
    disclaimer: str
    licence: str
    inputs: tuple[InputLimits, ...] = Field(min_length=1)
    output: CardOutput
    network: CardNetwork
    training: CardTraining
    metrics: CardMetrics
    tolerance_hu: float = Field(gt=0)
    limits: tuple[str, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
