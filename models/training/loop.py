"""The bones of every trainer: steps, averages, learning rates, and going on after a kill, in one process or several.

A run is a function of its objective, its numbered samples and its schedule: step n takes the samples from
n x ranks x batch on, and torch's generator is seeded anew for each step. So a run that was killed and goes on from a
checkpoint ends as if nothing had happened, to the bit on one machine when its schedule counts in steps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import nn
from torch.optim import Optimizer

from models.errors import RecipeError, RunStopped
from models.training.average import WeightAverage
from models.training.checkpoint import load_checkpoint
from models.training.logs import Logs, Picture
from models.training.objective import Objective
from models.training.ranks import Ranks
from models.training.run_recorder import Listener, RunRecorder
from models.training.schedule import Progress, Schedule
from models.training.stopping import Asked, never

B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class LoopPlan:
    """How a run goes, whatever it trains.

    Attributes
    ----------
    schedule
        When what happens.
    batch
        Samples a step and process.
    seed
        Where all chance begins.
    clip_norm
        Largest norm of an optimiser's gradient.
    average_decay
        Of the running average of weights.
    """

    schedule: Schedule
    batch: int
    seed: int
    clip_norm: float
    average_decay: float


class Loop(Generic[B]):
    """One run: `objective` trained as `plan` says by the processes `ranks`."""

    def __init__(self, objective: Objective[B], plan: LoopPlan, ranks: Ranks) -> None:
        self._objective, self._plan, self._ranks = objective, plan, ranks
        self._averages = {
            name: WeightAverage(objective.networks[name], plan.average_decay) for name in objective.averaged
        }
        for optimiser in objective.optimisers.values():
            for group in optimiser.param_groups:
                group.setdefault("initial_lr", group["lr"])
        self.progress = Progress()

    def load(self, folder: Path) -> None:
        """Go on from the newest whole checkpoint of `folder`.

        Raises
        ------
        RecipeError
            If there is none that can be read (``checkpoint-unreadable``), or it is of other networks
            (``checkpoint-of-another-network``).
        """
        content = load_checkpoint(folder)
        try:
            for name, network in self._objective.networks.items():
                network.load_state_dict(content["networks"][name])
            for name, average in self._averages.items():
                average.load(content["averages"][name])
            for name, optimiser in self._objective.optimisers.items():
                optimiser.load_state_dict(content["optimisers"][name])
            self._objective.restore(content["trainer"])
            self.progress = Progress(**content["progress"])
        except (KeyError, RuntimeError, TypeError, ValueError) as why:
            found = str(why).strip().splitlines()
            raise RecipeError(
                "checkpoint-of-another-network", folder=str(folder), found=" ".join(line.strip() for line in found[:3])
            ) from why

    def numbers(self) -> Iterator[Sequence[int]]:
        """Give the numbers of this process's samples, one batch a step, from where the run stands."""
        step, size = self.progress.step, self._plan.batch
        while True:
            first = (step * self._ranks.count + self._ranks.rank) * size
            yield range(first, first + size)
            step += 1

    def run(self, batches: Iterator[B], folder: Path, listener: Listener, asked: Asked = never) -> Progress:
        """Train to the end of the schedule and return how far the run came.

        Parameters
        ----------
        batches
            The samples of `numbers`, in that order.
        folder
            Gets logs, pictures, checkpoints and the best weights, from the first process alone.
        asked
            Asked after each step, in the first process for all, whether the run is to stop.

        Raises
        ------
        RecipeError
            If the loss is no longer a number (``training-diverged``).
        RunStopped
            If it was asked to; the step is done and kept.
        StorageFull
            If there is no room; the last checkpoint is whole.
        """
        for network in self._objective.networks.values():
            self._ranks.spread(network.state_dict().values())
        for average in self._averages.values():
            self._ranks.spread(average.weights.values())
        with ExitStack() as stack:
            recorder = None
            if self._ranks.rank == 0:
                folder.mkdir(parents=True, exist_ok=True)
                logs = stack.enter_context(Logs(folder, self.progress.step))
                recorder = RunRecorder(folder, logs, self._plan.schedule, self, listener)
            self._steps(batches, folder, recorder, asked)
        return self.progress

    def validate(self) -> Mapping[str, float]:
        """Return figures on held-out data with the averaged weights."""
        with self._averaged():
            return self._objective.validate()

    def montage(self) -> Picture:
        """Return a picture of held-out samples with the averaged weights."""
        with self._averaged():
            return self._objective.montage()

    def averages(self) -> dict[str, Any]:
        """Return the averaged weights by network."""
        return {name: average.weights for name, average in self._averages.items()}

    def _steps(self, batches: Iterator[B], folder: Path, recorder: RunRecorder | None, asked: Asked) -> None:
        schedule, numbers = self._plan.schedule, self.numbers()
        at = time.monotonic()
        while not schedule.over(before := self.progress):
            figures = self._step(next(batches), next(numbers))
            self.progress, at = self._later(before.step + 1, at)
            if recorder is not None:
                self.progress = recorder.stepped(before, self.progress, figures)
            # What was kept took time too. The first process's clock and its verdict count for all.
            self.progress, at = self._later(self.progress.step, at)
            self._agree()
            signal = int(self._ranks.of_first(float(asked())))
            due = signal or schedule.over(self.progress) or schedule.checkpoint.ends(before, self.progress)
            if recorder is not None and due:
                recorder.checkpoint(self.progress, self._content)
            if signal and not schedule.over(self.progress):
                raise RunStopped(
                    signal,
                    folder=str(folder),
                    step=self.progress.step,
                    remedy="--resume goes on from the checkpoint of this step",
                )

    def _later(self, step: int, since: float) -> tuple[Progress, float]:
        now = time.monotonic()
        return replace(self.progress, step=step, seconds=self.progress.seconds + now - since), now

    def _agree(self) -> None:
        seconds = self._ranks.of_first(self.progress.seconds)
        stale = self._ranks.of_first(float(self.progress.stale))
        self.progress = replace(self.progress, seconds=seconds, stale=int(stale))

    def _step(self, batch: B, numbers: Sequence[int]) -> dict[str, float]:
        progress, plan = self.progress, self._plan
        chance = np.random.SeedSequence([plan.seed, progress.step, self._ranks.rank])
        torch.manual_seed(int(chance.generate_state(1)[0]))
        rate = plan.schedule.rate(progress)
        figures: dict[str, float] = {}
        for descent in self._objective.losses(batch, numbers):
            optimiser = self._objective.optimisers[descent.optimiser]
            self._descend(descent.loss, optimiser, rate)
            figures |= {key: float(value.detach()) for key, value in descent.figures.items()}
            figures[f"loss_{descent.optimiser}"] = float(descent.loss.detach())
        for average in self._averages.values():
            average.update(progress.step + 1)
        return figures

    def _descend(self, loss: torch.Tensor, optimiser: Optimizer, rate: float) -> None:
        parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._ranks.mean_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, self._plan.clip_norm)
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * rate
        optimiser.step()

    def _averaged(self) -> ExitStack:
        stack = ExitStack()
        for average in self._averages.values():
            stack.enter_context(average.in_place())
        return stack

    def _content(self) -> dict[str, Any]:
        objective = self._objective
        return {
            "networks": {name: network.state_dict() for name, network in objective.networks.items()},
            "optimisers": {name: optimiser.state_dict() for name, optimiser in objective.optimisers.items()},
            "averages": self.averages(),
            "trainer": dict(objective.state()),
            "progress": asdict(self.progress),
        }
