"""The training recipe: a closed, versioned vocabulary; unknown keys fail."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import RecipeError
from models.generator.plan import AppearancePlan, GeometryPlan
from models.networks.residual_unet import ResidualUNetSpec
from models.training.loop import LoopPlan
from models.training.schedule import Schedule


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkPlan(_Closed):
    """Which network, and its size."""

    kind: Literal["residual-unet"]
    widths: tuple[int, ...] = Field(min_length=2, max_length=6)
    anchors_hu: tuple[float, ...] = Field(min_length=3)
    heads: int = Field(ge=1, le=8)

    @property
    def spec(self) -> ResidualUNetSpec:
        """What the network is built by."""
        return ResidualUNetSpec(self.widths, self.anchors_hu, self.heads)

    @property
    def step_voxels(self) -> int:
        """A patch's side must be a multiple of this."""
        return 1 << len(self.widths)


class LossPlan(_Closed):
    """Weights of the loss's terms; an outside weight of 0 takes what lies outside the body out of every term."""

    bone_weight: float = Field(gt=0)
    outside_weight: float = Field(ge=0)
    distribution: float = Field(ge=0)
    likelihood: float = Field(ge=0)
    gradient: float = Field(ge=0)
    dice: float = Field(ge=0)


class OptimiserPlan(_Closed):
    """AdamW, and the running average of the weights that it finds."""

    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    average_decay: float = Field(gt=0, lt=1)


class Recipe(_Closed):
    """All that a training run depends on besides its label maps."""

    recipe: str
    schema_: Literal[2] = Field(alias="schema")
    trainer: Literal["regression"]
    voxel_mm: float = Field(gt=0)
    patch_voxels: int = Field(ge=16)
    batch: int = Field(ge=1)
    held_out: int = Field(ge=1)
    validation_pairs: int = Field(ge=1)
    seed: int = Field(ge=0)
    schedule: Schedule
    network: NetworkPlan
    geometry: GeometryPlan
    appearance: AppearancePlan
    loss: LossPlan
    optimiser: OptimiserPlan

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        if self.patch_voxels % self.network.step_voxels:
            raise ValueError(f"patch_voxels must be a multiple of {self.network.step_voxels}, got {self.patch_voxels}")
        return self

    @property
    def loop(self) -> LoopPlan:
        """The part that every trainer has."""
        plan = self.optimiser
        return LoopPlan(self.schedule, self.batch, self.seed, plan.clip_norm, plan.average_decay)


def load_recipe(file: Path) -> Recipe:
    """Read and check a recipe.

    Raises
    ------
    RecipeError
        If the file cannot be read or a key is missing, unknown or out of range.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        raise RecipeError("recipe-unreadable", file=str(file), found=" ".join(str(why).split())) from why
    if not isinstance(content, dict):
        raise RecipeError(
            "recipe-invalid",
            file=str(file),
            found="nothing" if content is None else f"a {type(content).__name__}",
            accepted="keys with values, such as recipe, schema, network, schedule",
            remedy="begin with a copy of models/recipes/head-mr-to-ct.yaml",
        )
    try:
        return Recipe.model_validate(content)
    except ValidationError as why:
        first = why.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        told = first["msg"].removeprefix("Value error, ")
        raise RecipeError("recipe-invalid", file=str(file), key=place, found=told) from why
