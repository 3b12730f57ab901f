"""Training of the gate's network: views classified by kind, by the loop of every trainer; minutes on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.gate.network import KINDS, GateNetwork, network_of, score_of, tensors_of
from models.generator.views.samples import Sample, Sampler
from models.intensity import CEILING
from models.training.logs import LogRow, Picture
from models.training.loop import Loop, LoopPlan
from models.training.objective import NETWORK, Descent
from models.training.ranks import Alone
from models.training.run_recorder import SCORE
from models.training.schedule import Progress, Schedule, Span

Report = Callable[[str, float], None]
"""Called with a stage's name and the share of it that is done."""


@dataclass(frozen=True, slots=True)
class GatePlan:
    """How the gate is trained.

    Attributes
    ----------
    samples, validation
        Views that train, and views of the same bodies that set the threshold.
    steps, batch
        Of the optimiser.
    rate
        Its highest learning rate.
    seed
        Chooses everything.
    """

    samples: int = 2400
    validation: int = 500
    steps: int = 900
    batch: int = 24
    rate: float = 3e-3
    seed: int = 20261121

    @property
    def loop(self) -> LoopPlan:
        """The part that every trainer has; no weights are averaged, and nothing is validated on the way."""
        length = Span(steps=self.steps)
        return LoopPlan(Schedule(length=length, warmup_steps=50, checkpoint=length), self.batch, self.seed, 1.0, 0.9)


def trained(sampler: Sampler, plan: GatePlan, folder: Path, report: Report) -> GateNetwork:
    """Train a network on the first ``plan.samples`` samples and return it as a package will hold it.

    Parameters
    ----------
    folder
        Gets the run's logs and its checkpoint.
    """
    made = []
    for number in range(plan.samples):
        report("samples", number / plan.samples)
        made.append(sampler.any_kind(number))
    objective = Classification(*stacked(made), plan)
    loop: Loop[Tensor] = Loop(objective, plan.loop, Alone(torch.device("cpu")))
    loop.run((objective.chosen(numbers) for numbers in loop.numbers()), folder, _Reporting(report))
    # Through half precision and back: what is judged is what the package holds.
    return network_of(tensors_of(objective.network))


class Classification:
    """One network that tells kinds of views apart; step by step it sees some of them, varied.

    Parameters
    ----------
    views, kinds
        As of `stacked`.
    """

    def __init__(self, views: Tensor, kinds: Tensor, plan: GatePlan) -> None:
        self._views, self._kinds, self._seed = views, kinds, plan.seed
        torch.manual_seed(plan.seed)
        self.network = GateNetwork().train()
        adam = torch.optim.AdamW(self.network.parameters(), lr=plan.rate, weight_decay=1e-2)
        self.networks: Mapping[str, nn.Module] = {NETWORK: self.network}
        self.averaged: Sequence[str] = ()
        self.optimisers: Mapping[str, torch.optim.Optimizer] = {NETWORK: adam}

    def chosen(self, numbers: Sequence[int]) -> Tensor:
        """Return which views the samples `numbers` of a step are."""
        rng = np.random.default_rng([self._seed, 9, numbers[0]])
        return torch.from_numpy(rng.integers(len(self._views), size=len(numbers)))

    def losses(self, batch: Tensor, numbers: Sequence[int]) -> Iterator[Descent]:
        """Give the cross entropy of the kinds."""
        rng = np.random.default_rng([self._seed, 10, numbers[0]])
        logits = self.network(varied(rng, self._views[batch].float()))
        yield Descent(NETWORK, functional.cross_entropy(logits, self._kinds[batch], label_smoothing=0.02))

    def state(self) -> Mapping[str, Any]:
        """Return nothing: a step depends on weights and optimiser alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Do nothing, as there is no state."""

    def validate(self) -> Mapping[str, float]:
        """Return no figure: the threshold is chosen, and both errors are counted, when training is over."""
        return {SCORE: float("nan")}

    def montage(self) -> Picture:
        """Return the middle of the first view, from 0 to its brightest."""
        plane = self._views[0, 0, self._views.shape[2] // 2].float().clamp(min=0)
        grey = (255 * plane / plane.max().clamp(min=1e-6)).to(torch.uint8)
        return grey[..., None].expand(*grey.shape, 3).numpy()


class _Reporting:
    """A listener that hands on the share of the steps that are done."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def stepped(self, progress: Progress, share: float) -> None:
        self._report("training", share)

    def logged(self, row: LogRow) -> None:
        pass

    def validated(self, progress: Progress, figures: Mapping[str, float]) -> None:
        pass


def varied(rng: np.random.Generator, views: Tensor) -> Tensor:
    """Return views that stand for the same kinds: mirrored, shifted by a voxel, with another gamma, noise and scale."""
    out = views
    if rng.random() < 0.5:
        out = out.flip(-1)
    out = torch.roll(out, [int(shift) for shift in rng.integers(-1, 2, 3)], (-3, -2, -1))
    image, field = out[:, :1], out[:, 1:]
    each = (len(views), 1, 1, 1, 1)
    if rng.random() < 0.5:
        gamma = torch.from_numpy(np.exp(rng.uniform(-0.3, 0.3, each)).astype(np.float32))
        image = image.clamp(min=1e-4).pow(gamma)
    gain = torch.from_numpy(np.exp(rng.uniform(-0.15, 0.15, each)).astype(np.float32))
    sigma = torch.from_numpy((0.04 * rng.random(each) ** 2).astype(np.float32))
    # One field of noise for the batch: drawing one a view would cost more than the network's own step.
    noise = torch.from_numpy(rng.standard_normal(views.shape[2:], dtype=np.float32))
    noisy = torch.addcmul(image * gain, sigma * noise, field)
    return torch.cat([noisy.clamp_(0.0, CEILING), field], dim=1)


def stacked(samples: Sequence[Sample]) -> tuple[Tensor, Tensor]:
    """Return views (n, channels, side, side, side) in half precision, and the number of each one's kind, (n,)."""
    views = torch.from_numpy(np.stack([sample.view for sample in samples]).astype(np.float16))
    return views, torch.tensor([KINDS.index(sample.kind) if sample.kind in KINDS else -1 for sample in samples])


@torch.inference_mode()
def scores_of(network: GateNetwork, samples: Sequence[Sample]) -> Tensor:
    """Return the score of each sample, (n,)."""
    views, _ = stacked(samples)
    return torch.cat([score_of(network(part.float())) for part in torch.split(views, 32)])
