"""The training recipe: task, data, parts, trainer and schedule, in a closed vocabulary in which unknown keys fail.

To add a trainer, a kind of data, a network or a loss, see the registries of `models.training.trainers`, `.data` and
`.parts`: a recipe can name whatever is in their unions.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from models.errors import RecipeError
from models.packages.closed import Closed
from models.training.data.registry import DataPlan
from models.training.loop import LoopPlan
from models.training.parts.registry import Parts
from models.training.schedule import Schedule
from models.training.tasks import Task
from models.training.trainers.registry import TrainerPlan

SCHEMA = 3


class Recipe(Closed):
    """All that a training run depends on besides its data's files.

    Attributes
    ----------
    recipe
        Its name.
    seed
        Where all chance begins.
    batch
        Samples a step and process.
    """

    recipe: str
    schema_: Literal[3] = Field(alias="schema")
    seed: int = Field(ge=0)
    batch: int = Field(ge=1)
    task: Task
    data: DataPlan
    parts: Parts
    trainer: TrainerPlan
    schedule: Schedule

    @model_validator(mode="after")
    def _fits(self) -> Recipe:
        task, step = self.task, self.parts.generator.step_voxels
        if any(side % step for side in task.patch_voxels[: task.dimensions]):
            raise ValueError(
                f"task.patch_voxels must be multiples of {step} for this generator, got {task.patch_voxels}"
            )
        reasons = (
            self.data.misfit(task),
            self.parts.generator.misfit(task),
            self.trainer.misfit(task, self.parts),
        )
        if reason := next((one for one in reasons if one is not None), None):
            raise ValueError(reason)
        return self

    @property
    def loop(self) -> LoopPlan:
        """The part that every trainer has."""
        plan = self.trainer.optimiser
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
            accepted="keys with values, such as recipe, schema, task, data, parts, trainer, schedule",
            remedy="begin with a copy of models/recipes/first-try.yaml",
        )
    try:
        return Recipe.model_validate(content)
    except ValidationError as why:
        key, found = first_fault(why, content)
        raise RecipeError("recipe-invalid", file=str(file), key=key, found=found) from why


def first_fault(why: ValidationError, content: object) -> tuple[str, str]:
    """Return where in a recipe's content the first fault is, as a person finds it there, and what it is."""
    first = why.errors()[0]
    at: Any = content
    path: list[str] = []
    for part in first["loc"]:
        if isinstance(at, dict) and part not in at and part == at.get("kind"):
            continue  # the kind by which a union was chosen is no key of the file
        path.append(str(part))
        inside = (isinstance(at, dict) and part in at) or (
            isinstance(at, list) and isinstance(part, int) and part < len(at)
        )
        at = at[part] if inside else None
    return ".".join(path) or "the whole", first["msg"].removeprefix("Value error, ")
