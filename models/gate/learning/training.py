"""Training of the gate's network: minutes on one thread of a processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, pi

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.gate.learning.samples import Sample, Sampler
from models.gate.network import KINDS, GateNetwork, network_of, score_of, tensors_of
from models.intensity import CEILING

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


def trained(sampler: Sampler, plan: GatePlan, report: Report) -> GateNetwork:
    """Train a network on the first ``plan.samples`` samples and return it as a package will hold it."""
    made = []
    for number in range(plan.samples):
        report("samples", number / plan.samples)
        made.append(sampler.any_kind(number))
    views, kinds = stacked(made)
    torch.manual_seed(plan.seed)
    network = GateNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-2)
    rng = np.random.default_rng([plan.seed, 9])
    network.train()
    for step in range(plan.steps):
        report("training", step / plan.steps)
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * min(1.0, (step + 1) / 50) * 0.5 * (1 + cos(pi * step / plan.steps))
        chosen = torch.from_numpy(rng.integers(len(made), size=plan.batch))
        logits = network(varied(rng, views[chosen].float()))
        loss = functional.cross_entropy(logits, kinds[chosen], label_smoothing=0.02)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    # Through half precision and back: what is judged is what the package holds.
    return network_of(tensors_of(network))


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
