"""How long a run lasts, what happens how often in it, and how its learning rate goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    step
        Steps done.
    seconds
        Time that they took, validation and pictures included.
    best_step, best_score
        Where validation found the lowest score; -1 and infinity before the first.
    stale
        Validations since then.
    """

    step: int = 0
    seconds: float = 0.0
    best_step: int = -1
    best_score: float = math.inf
    stale: int = 0


class Span(BaseModel):
    """A length of training: so many steps, or so many minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(default=None, ge=1)
    minutes: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_of_both(self) -> Span:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("give steps or minutes")
        return self

    def passed(self, progress: Progress) -> float:
        """Return how often this span went by; 1 at its end."""
        if self.steps is not None:
            return progress.step / self.steps
        assert self.minutes is not None
        return progress.seconds / (60 * self.minutes)

    def ends(self, before: Progress, after: Progress) -> bool:
        """Return whether this span, laid end to end from the start, ended between two moments."""
        return math.floor(self.passed(after)) > math.floor(self.passed(before))


class Schedule(BaseModel):
    """When things happen in a run.

    Attributes
    ----------
    length
        The whole run. Only one that is given in steps ends with the same weights on every machine of one kind.
    warmup_steps
        Over these the learning rate rises from nothing.
    shape
        ``cosine`` falls to nothing at the end; ``level`` stays, for runs that end when validation says so.
    checkpoint, validation, montage
        How often each is made; the last two may be left out.
    patience
        The run ends after so many validations without a better score; not at all when left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    length: Span
    warmup_steps: int = Field(ge=1)
    shape: Literal["cosine", "level"] = "cosine"
    checkpoint: Span
    validation: Span | None = None
    montage: Span | None = None
    patience: int | None = Field(default=None, ge=1)

    def rate(self, progress: Progress) -> float:
        """Return the share of the full learning rate that the next step is taken with."""
        warm = min(1.0, (progress.step + 1) / self.warmup_steps)
        if self.shape == "level":
            return warm
        return warm * 0.5 * (1.0 + math.cos(math.pi * min(1.0, self.length.passed(progress))))

    def over(self, progress: Progress) -> bool:
        """Return whether the run is at its end."""
        waited = self.patience is not None and progress.stale >= self.patience
        return waited or self.length.passed(progress) >= 1.0
