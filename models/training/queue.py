"""Trainings written down once, with their data and target figures; where each stands is read from its run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import RecipeError
from models.training.checkpoint import has_checkpoint, load_checkpoint
from models.training.recipe import Recipe, first_fault, load_recipe
from models.training.schedule import Progress

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class _Closed(BaseModel):
    """A part of the file: unknown keys fail."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Training(_Closed):
    """One training of the queue.

    Attributes
    ----------
    name
        Of the model that comes of it, and of its run's folder.
    recipe
        File of the recipe, relative to the queue's.
    data
        Folder of label maps or of cases, as the recipe's data asks, relative to the folder of data.
    targets
        Figures to aim at by name; nothing stops at them, and the card says what was reached.
    """

    name: Name
    recipe: Path
    data: Path
    targets: dict[str, float]


class TrainingQueue(_Closed):
    """The trainings in the order in which they are run."""

    schema_: Literal[1] = Field(alias="schema")
    trainings: tuple[Training, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_single(self) -> TrainingQueue:
        names = [one.name for one in self.trainings]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two trainings are called {', '.join(doubled)}")
        return self


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Where one training stands.

    Attributes
    ----------
    training, recipe
        What is to be trained.
    progress
        Of its run's last checkpoint; None where there is none yet.
    """

    training: Training
    recipe: Recipe
    progress: Progress | None

    @property
    def is_done(self) -> bool:
        """Whether the run reached its end."""
        return self.progress is not None and self.recipe.schedule.over(self.progress)

    @property
    def share(self) -> float:
        """The share of the run that is done, 0 to 1."""
        if self.progress is None:
            return 0.0
        return 1.0 if self.is_done else min(1.0, self.recipe.schedule.length.passed(self.progress))


def load_queue(file: Path) -> TrainingQueue:
    """Read and check the file of a queue.

    Raises
    ------
    RecipeError
        ``recipe-unreadable`` or ``recipe-invalid``.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        raise RecipeError("recipe-unreadable", file=str(file), found=" ".join(str(why).split())) from why
    try:
        return TrainingQueue.model_validate(content)
    except ValidationError as why:
        key, found = first_fault(why, content)
        raise RecipeError("recipe-invalid", file=str(file), key=key, found=found) from why


def training_states(file: Path, runs: Path) -> tuple[TrainingState, ...]:
    """Return where each training of the queue in `file` stands by its folder in `runs`, in the queue's order.

    Raises
    ------
    RecipeError
        As `load_queue`, `load_recipe` and `models.training.checkpoint.load_checkpoint`.
    """
    return tuple(
        TrainingState(one, load_recipe(file.parent / one.recipe), _progress(runs / one.name))
        for one in load_queue(file).trainings
    )


def next_training(states: tuple[TrainingState, ...]) -> TrainingState | None:
    """Return the first training that is not done; None where all are."""
    return next((one for one in states if not one.is_done), None)


def _progress(run: Path) -> Progress | None:
    return Progress(**load_checkpoint(run)["progress"]) if has_checkpoint(run) else None
