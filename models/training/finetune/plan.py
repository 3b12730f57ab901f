"""How a fine-tuning goes: how long, how it is divided, and by which losses."""

from __future__ import annotations

from dataclasses import dataclass

from models.training.loop import LoopPlan
from models.training.parts.losses.anchored import AnchoredLoss
from models.training.schedule import Schedule, Span
from models.training.trainers.optimiser import OptimiserPlan

RECIPE = "finetune"
"""The name of this way of training, for cards."""

LOSS = AnchoredLoss(bone_weight=2.0, outside_weight=0.0, distribution=0.2, likelihood=0.02, gradient=0.1, dice=0.5)
"""That of the reference models, told inside the body mask alone: a couch in the CT is in no MR."""

OPTIMISER = OptimiserPlan(learning_rate=0.0002, weight_decay=0.0001, clip_norm=1.0, average_decay=0.99)
"""A quarter of the reference models' rate: weights that know anatomy are to move little."""

_VALIDATIONS = 20
_LEAST_STEPS_BETWEEN = 10
"""Validating after every step of a short run would take longer than the run."""
_PATIENCE = 6
_LARGEST_WARMUP = 20


@dataclass(frozen=True, slots=True)
class FinetunePlan:
    """What a run depends on besides package and pairs.

    Attributes
    ----------
    length
        The most that each fold is trained for; it stops earlier when validation no longer gets better.
    folds
        Of the cross-validation.
    batch
        Patches a step.
    patches
        Unvaried patches of each validation pair.
    seed
        Where all chance begins.
    """

    length: Span
    folds: int = 5
    batch: int = 1
    patches: int = 4
    seed: int = 20260101
    loss: AnchoredLoss = LOSS
    optimiser: OptimiserPlan = OPTIMISER

    def of_fold(self, number: int) -> LoopPlan:
        """Return how fold `number` is trained: until validation no longer gets better."""
        every = _share(self.length, _VALIDATIONS)
        schedule = Schedule(
            length=self.length,
            warmup_steps=min(_LARGEST_WARMUP, self.length.steps or _LARGEST_WARMUP),
            shape="level",
            checkpoint=every,
            validation=every,
            montage=self.length,
            patience=_PATIENCE,
        )
        return self._loop(schedule, self.seed + 1 + number)

    def of_all(self, steps: int) -> LoopPlan:
        """Return how the network of all pairs is trained: for the number of steps that the folds chose."""
        length = Span(steps=steps)
        schedule = Schedule(
            length=length,
            warmup_steps=min(_LARGEST_WARMUP, self.length.steps or _LARGEST_WARMUP),
            shape="level",
            checkpoint=_share(length, 10),
        )
        return self._loop(schedule, self.seed)

    def as_json(self) -> dict[str, object]:
        """Return what must be the same when a run goes on."""
        return {
            "folds": self.folds,
            "length": self.length.model_dump(exclude_none=True),
            "batch": self.batch,
            "patches": self.patches,
            "seed": self.seed,
            "loss": self.loss.model_dump(),
            "optimiser": self.optimiser.model_dump(),
        }

    def _loop(self, schedule: Schedule, seed: int) -> LoopPlan:
        return LoopPlan(schedule, self.batch, seed, self.optimiser.clip_norm, self.optimiser.average_decay)


def _share(length: Span, parts: int) -> Span:
    if length.steps is not None:
        return Span(steps=max(_LEAST_STEPS_BETWEEN, length.steps // parts))
    assert length.minutes is not None
    return Span(minutes=length.minutes / parts)
