"""The training recipe: a closed, versioned vocabulary; unknown keys fail."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import RecipeError


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkPlan(_Closed):
    """Which network, and its size."""

    kind: Literal["residual-unet"]
    widths: tuple[int, ...] = Field(min_length=2, max_length=6)
    anchors_hu: tuple[float, ...] = Field(min_length=3)
    heads: int = Field(ge=1, le=8)


class GeometryPlan(_Closed):
    """How heads are placed and bent; every figure is the largest draw, in its unit."""

    rotation_degrees: float = Field(ge=0, le=90)
    scale_least: float = Field(gt=0)
    scale_most: float = Field(gt=0)
    shear: float = Field(ge=0, le=0.5)
    coarse_node_mm: float = Field(gt=0)
    coarse_velocity_mm: float = Field(ge=0)
    fine_node_mm: float = Field(gt=0)
    fine_velocity_mm: float = Field(ge=0)
    crop_share: float = Field(ge=0, le=1)


class AppearancePlan(_Closed):
    """How MR images are made to differ; every figure is the largest draw, shares are probabilities."""

    plausible_share: float = Field(ge=0, le=1)
    fat_suppressed_share: float = Field(ge=0, le=1)
    noise: float = Field(ge=0, le=0.5)
    bias: float = Field(ge=0, le=1)
    gamma: float = Field(ge=0, le=1)
    slice_mm: float = Field(gt=0)
    lesion_share: float = Field(ge=0, le=1)
    craniotomy_share: float = Field(ge=0, le=1)


class LossPlan(_Closed):
    """Weights of the loss's terms."""

    bone_weight: float = Field(gt=0)
    outside_weight: float = Field(ge=0)
    distribution: float = Field(ge=0)
    likelihood: float = Field(ge=0)
    gradient: float = Field(ge=0)
    dice: float = Field(ge=0)


class OptimiserPlan(_Closed):
    """AdamW under a cosine that ends with the time budget."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_steps: int = Field(ge=1)
    clip_norm: float = Field(gt=0)
    average_decay: float = Field(gt=0, lt=1)


class Recipe(_Closed):
    """All that a training run depends on besides its label maps."""

    recipe: str
    schema_: Literal[1] = Field(alias="schema")
    voxel_mm: float = Field(gt=0)
    patch_voxels: int = Field(ge=16)
    held_out: int = Field(ge=1)
    seed: int
    minutes: float = Field(gt=0)
    checkpoint_minutes: float = Field(gt=0)
    network: NetworkPlan
    geometry: GeometryPlan
    appearance: AppearancePlan
    loss: LossPlan
    optimiser: OptimiserPlan


def load_recipe(file: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        If the file cannot be read or a key is missing, unknown or out of range.
    """
    try:
        return Recipe.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as why:
        raise RecipeError("recipe-unreadable", file=str(file), found=str(why)) from why
    except ValidationError as why:
        first = why.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RecipeError("recipe-invalid", file=str(file), key=place, found=first["msg"]) from why
