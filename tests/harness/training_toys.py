"""A training objective with two small networks that descend in turn, and a listener that can stop a process dead."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.training.checkpoint import load_checkpoint
from models.training.logs import LogRow, Picture
from models.training.loop import Loop, LoopPlan
from models.training.objective import Descent
from models.training.ranks import Alone, Ranks
from models.training.run_recorder import SCORE
from models.training.schedule import Progress, Schedule, Span


class Adversaries:
    """A generator that is to reach 3 and a discriminator that is to tell it from 3; both with noise in every step."""

    def __init__(self, noise: float = 0.01) -> None:
        self._noise = noise
        torch.manual_seed(5)
        self.networks: Mapping[str, nn.Module] = {"generator": nn.Linear(2, 1), "discriminator": nn.Linear(1, 1)}
        self.averaged: Sequence[str] = ("generator",)
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(network.parameters(), lr=0.05) for name, network in self.networks.items()
        }
        self.seen: list[int] = []
        self.scores: list[float] = []

    def losses(self, batch: Tensor, numbers: Sequence[int]) -> Iterator[Descent]:
        self.seen += list(numbers)
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        made = generator(batch + self._noise * torch.randn_like(batch))
        fooled = (discriminator(made) - 1).square().mean()
        yield Descent("generator", (made - 3).square().mean() + 0.01 * fooled, {"distance": (made - 3).abs().mean()})
        told = (
            discriminator(made.detach()).square().mean() + (discriminator(torch.full_like(made, 3)) - 1).square().mean()
        )
        yield Descent("discriminator", told)

    def state(self) -> Mapping[str, Any]:
        return {"steps": len(self.seen)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.restored = state

    def validate(self) -> Mapping[str, float]:
        if self.scores:
            return {SCORE: self.scores.pop(0)}
        with torch.no_grad():
            return {SCORE: float((self.networks["generator"](torch.ones(1, 2)) - 3).abs())}

    def montage(self) -> Picture:
        return np.zeros((4, 8, 3), np.uint8)


class Told:
    """Hears everything, and ends this process as a kill would after step `killed_at`."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.killed_at = killed_at
        self.rows: list[LogRow] = []
        self.validations: list[tuple[int, float]] = []

    def stepped(self, progress: Progress, share: float) -> None:
        if progress.step == self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def logged(self, row: LogRow) -> None:
        self.rows.append(row)

    def validated(self, progress: Progress, figures: Mapping[str, float]) -> None:
        self.validations.append((progress.step, figures[SCORE]))


def steps(count: int, **changes: Any) -> LoopPlan:
    """A plan of `count` steps with a checkpoint every three and a validation every five."""
    schedule = {
        "length": Span(steps=count),
        "warmup_steps": 4,
        "checkpoint": Span(steps=3),
        "validation": Span(steps=5),
        "montage": Span(steps=10),
    }
    return LoopPlan(Schedule(**{**schedule, **changes}), 2, 1, 1.0, 0.9)


def sample(number: int) -> Tensor:
    """The sample `number`."""
    return torch.randn(2, generator=torch.Generator().manual_seed(number))


def trained(
    folder: Path,
    plan: LoopPlan,
    listener: Told | None = None,
    ranks: Ranks | None = None,
    resume: bool = False,
    objective: Adversaries | None = None,
) -> Loop[Tensor]:
    """Run the toy in `folder`."""
    loop: Loop[Tensor] = Loop(objective or Adversaries(), plan, ranks or Alone(torch.device("cpu")))
    if resume:
        loop.load(folder)
    batches = (torch.stack([sample(number) for number in numbers]) for numbers in loop.numbers())
    loop.run(batches, folder, listener or Told())
    return loop


def kept(folder: Path) -> dict[str, Tensor]:
    """All tensors of the newest checkpoint by their place in it."""
    return dict(_flat(load_checkpoint(folder), ""))


def _flat(content: Any, place: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(content, Tensor):
        yield place, content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _flat(value, f"{place}/{key}")
