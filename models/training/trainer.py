"""The training loop: bounded by time, checkpointed, and resumed where it stopped."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.errors import RecipeError
from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.training.generator import Pair
from models.training.losses import synthesis_loss
from models.training.maps import map_files
from models.training.recipe import Recipe
from models.training.stream import pair_stream

CHECKPOINT = "checkpoint.pt"
RECIPE = "recipe.json"
LOG = "log.jsonl"
_LOG_EVERY = 20


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of the training log: means over the steps since the line before."""

    step: int
    minutes: float
    learning_rate: float
    seconds_per_step: float
    loss: float
    l1_hu: float
    distribution: float
    likelihood: float
    gradient_hu: float
    dice_loss: float


def train(
    recipe: Recipe, labels: Path, out: Path, minutes: float, resume: bool, report: Callable[[LogRow], None]
) -> int:
    """Train until `minutes` of training time are spent, and return the number of steps done.

    Everything goes to the folder `out`: the recipe, prepared maps, the log and one checkpoint, which is replaced
    atomically. After a kill, `resume` goes on from the last checkpoint with the same numbered pairs.

    Raises
    ------
    RecipeError
        If `out` holds a run and `resume` is false (``run-exists``), holds none and it is true (``run-absent``), or
        holds a run of another recipe (``run-of-another-recipe``).
    InputError
        If `labels` holds no label maps.
    """
    files = map_files(labels)[: -recipe.held_out]
    _claim(recipe, out, resume)
    state = _State(recipe)
    if resume:
        state.load(out / CHECKPOINT)
    with pair_stream(files, out / "maps", recipe, state.step) as pairs:
        next_checkpoint = state.seconds + 60 * recipe.checkpoint_minutes
        for row in state.steps(pairs, minutes * 60):
            with (out / LOG).open("a", encoding="utf-8") as log:
                log.write(json.dumps(asdict(row)) + "\n")
            report(row)
            if state.seconds >= next_checkpoint:
                state.save(out / CHECKPOINT)
                next_checkpoint = state.seconds + 60 * recipe.checkpoint_minutes
    state.save(out / CHECKPOINT)
    return state.step


def spec_of(recipe: Recipe) -> ResidualUNetSpec:
    """Return the network's shape that `recipe` asks for."""
    return ResidualUNetSpec(recipe.network.widths, recipe.network.anchors_hu, recipe.network.heads)


class _State:
    """Network, its running average, optimiser, and how far they came."""

    def __init__(self, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.network = ResidualUNet(spec_of(recipe))
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        plan = recipe.optimiser
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
        self.step = 0
        self.seconds = 0.0

    def steps(self, pairs: Iterator[Pair], budget_seconds: float) -> Iterator[LogRow]:
        """Take steps until the budget is spent; give a log row every few steps and at the end."""
        anchors = torch.tensor(self.recipe.network.anchors_hu)
        since: list[list[float]] = []
        began = time.monotonic()
        while self.seconds < budget_seconds:
            rate = self._learning_rate(budget_seconds)
            since.append(self._one(next(pairs), anchors, rate))
            self.step += 1
            now = time.monotonic()
            self.seconds += now - began
            since[-1].append(now - began)
            began = now
            if len(since) == _LOG_EVERY or self.seconds >= budget_seconds:
                loss, l1, distribution, likelihood, gradient, dice, seconds = (float(v) for v in np.mean(since, axis=0))
                row = LogRow(
                    self.step, self.seconds / 60, rate, seconds, loss, l1, distribution, likelihood, gradient, dice
                )
                if not math.isfinite(loss):
                    raise RecipeError("training-diverged", step=self.step)
                yield row
                since = []

    def _one(self, pair: Pair, anchors: Tensor, rate: float) -> list[float]:
        mr, ct = (torch.from_numpy(v).float()[None, None] for v in (pair.mr, pair.ct))
        body = torch.from_numpy(pair.body)[None, None]
        with torch.autocast("cpu", torch.bfloat16):
            # Each pair teaches one head: heads that learn from different pairs differ where pairs tell too little.
            answer = self.network.one_head(mr, self.step % self.recipe.network.heads)
        terms = synthesis_loss(answer, ct, body, anchors, self.recipe.loss)
        self.optimiser.zero_grad(set_to_none=True)
        terms.total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimiser.clip_norm)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        # The average forgets its start sooner while there is little to remember.
        decay = min(self.recipe.optimiser.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)
        parts = (terms.total, terms.l1_hu, terms.distribution, terms.likelihood, terms.gradient, terms.dice)
        return [float(part.detach()) for part in parts]

    def _learning_rate(self, budget_seconds: float) -> float:
        plan = self.recipe.optimiser
        warm = min(1.0, (self.step + 1) / plan.warmup_steps)
        return plan.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * min(1.0, self.seconds / budget_seconds)))

    def save(self, file: Path) -> None:
        content = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        part = file.with_suffix(".part")
        torch.save(content, part)
        part.replace(file)

    def load(self, file: Path) -> None:
        content: dict[str, Any] = torch.load(file, weights_only=True)
        self.network.load_state_dict(content["network"])
        self.average = content["average"]
        self.optimiser.load_state_dict(content["optimiser"])
        self.step, self.seconds = int(content["step"]), float(content["seconds"])


def _claim(recipe: Recipe, out: Path, resume: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    kept, written = out / RECIPE, recipe.model_dump_json(by_alias=True, indent=1)
    exists = (out / CHECKPOINT).exists()
    if resume and not exists:
        raise RecipeError("run-absent", folder=str(out), remedy="leave out --resume to start one")
    if exists and not resume:
        raise RecipeError("run-exists", folder=str(out), remedy="give --resume, or another folder")
    if resume and kept.read_text(encoding="utf-8") != written:
        raise RecipeError("run-of-another-recipe", folder=str(out))
    kept.write_text(written, encoding="utf-8")
