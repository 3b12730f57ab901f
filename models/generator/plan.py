"""What a recipe says about its training pairs: how bodies are bent, and how images of them are made to differ.

Every figure is the largest draw, in its unit; shares are probabilities. Unknown keys fail.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

_SHARE = Field(ge=0, le=1)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeometryPlan(_Closed):
    """How bodies are placed and bent."""

    rotation_degrees: float = Field(ge=0, le=90)
    scale_least: float = Field(gt=0)
    scale_most: float = Field(gt=0)
    shear: float = Field(ge=0, le=0.5)
    coarse_node_mm: float = Field(gt=0)
    coarse_velocity_mm: float = Field(ge=0)
    fine_node_mm: float = Field(gt=0)
    fine_velocity_mm: float = Field(ge=0)
    crop_share: float = _SHARE
    """Pairs whose field of view ends within the patch."""
    low_share: float = _SHARE
    """Pairs taken from the lower half of the body part, where jaw and neck are."""


class ContrastPlan(_Closed):
    """What tissues look like in MR."""

    plausible_share: float = _SHARE
    """Pairs whose contrast a pulse sequence gives; the others have random ones."""
    fat_suppressed_share: float = _SHARE
    nulled_fluid_share: float = _SHARE
    """Pairs whose fluids are dark beyond what the sequence says."""
    gamma: float = Field(ge=0, le=1)


class ArtefactPlan(_Closed):
    """What acquisition does to MR images."""

    noise: float = Field(ge=0, le=0.5)
    bias: float = Field(ge=0, le=1)
    coil_share: float = _SHARE
    """Pairs whose signal falls off towards jaw and neck."""
    slice_share: float = _SHARE
    slice_mm: float = Field(ge=1)
    ringing_share: float = _SHARE
    ghost_share: float = _SHARE
    wrap_share: float = _SHARE
    susceptibility_share: float = _SHARE
    masked_share: float = _SHARE
    """Pairs whose background was set to zero, as some scanners do."""


class PathologyPlan(_Closed):
    """What a body may have had done to it."""

    lesion_share: float = _SHARE
    resection_share: float = _SHARE
    craniotomy_share: float = _SHARE
    opaque_sinus_share: float = _SHARE
    fillings_share: float = _SHARE
    """Pairs with metal in the teeth, where teeth are in sight."""
    implant_share: float = _SHARE
    """Pairs with a clip, screw or plate of metal elsewhere."""


class AppearancePlan(_Closed):
    """How images of one body are made to differ."""

    contrast: ContrastPlan
    artefacts: ArtefactPlan
    pathology: PathologyPlan
    ct_highest_hu: float = Field(gt=0)
    """CT numbers are cut here; metal and enamel reach it."""


@dataclass(frozen=True, slots=True)
class PairPlan:
    """What a generator of pairs needs to know.

    Attributes
    ----------
    seed
        Chooses all pairs.
    voxel_mm
        Side of a patch's cubic voxels in mm.
    patch_voxels
        Voxels along a patch's side.
    geometry, appearance
        How bodies are placed and bent, and how images of them are made to differ.
    """

    seed: int
    voxel_mm: float
    patch_voxels: int
    geometry: GeometryPlan
    appearance: AppearancePlan
