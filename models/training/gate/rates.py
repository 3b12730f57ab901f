"""How often the gate errs, on maps and on kinds of outlier that training never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from scipy import stats
from torch import Tensor

from models.gate.network import KINDS, GateNetwork
from models.generator.views.samples import HELD_OUT_KINDS, Sampler
from models.packages import CardGate
from models.training.gate.classification import GatePlan, Report, scores_of

ACCEPTED = KINDS[0]

_HEADS_REFUSED = 0.02
_OUTLIERS_TAKEN = 0.01


@dataclass(frozen=True, slots=True)
class Rate:
    """How often the gate erred on one kind of input.

    Attributes
    ----------
    tried, wrong
        Images, and how many of them it judged wrongly.
    rate
        Their ratio.
    low, high
        Its exact 95 % interval (Clopper and Pearson 1934), as if images were independent; those of one map are not.
    """

    tried: int
    wrong: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GateRates:
    """Both error rates.

    Attributes
    ----------
    threshold
        Inputs with a lower score are refused.
    refused
        Of acceptable inputs.
    taken
        Of each other kind.
    heads
        Names of the maps that were judged on.
    """

    threshold: float
    refused: Rate
    taken: Mapping[str, Rate]
    heads: tuple[str, ...]

    def card(self) -> CardGate:
        """Return what the card says."""
        return CardGate(
            threshold=self.threshold,
            false_refusals=self.refused.rate,
            false_acceptances={kind: rate.rate for kind, rate in self.taken.items()},
            cases=self.refused.tried + sum(rate.tried for rate in self.taken.values()),
            protocol=self._protocol(),
        )

    def as_json(self) -> dict[str, object]:
        """Return the figures with their counts and intervals."""
        return {
            "false_refusals": asdict(self.refused),
            "false_acceptances": {kind: asdict(rate) for kind, rate in self.taken.items()},
        }

    def _protocol(self) -> str:
        unseen = [kind for kind in HELD_OUT_KINDS if kind in self.taken]
        counts = sorted({rate.tried for rate in self.taken.values()})
        return (
            f"Simulated, not real. The learned part alone, without the rules beside it: coarse images rendered "
            f"from {len(self.heads)} head maps that training never saw ({', '.join(self.heads)}), {self.refused.tried} "
            f"acceptable and {'/'.join(str(count) for count in counts)} of each other kind; trunks, limbs, noise and "
            f"geometric bodies drawn anew. Kinds that training never showed: {', '.join(unseen) or 'none'}. Images of "
            f"one map are not independent. A mirror image, left for right, cannot be told and is not claimed."
        )


def threshold_between(heads: Tensor, outliers: Tensor) -> float:
    """Return the score midway between where few heads and few outliers lie, on images that training did not see.

    Where the two overlap, that is where 2 % of the heads are refused: a gate that cries wolf is switched off.
    """
    lowest = float(torch.quantile(heads, _HEADS_REFUSED))
    highest = float(torch.quantile(outliers, 1 - _OUTLIERS_TAKEN))
    return round((lowest + highest) / 2 if highest < lowest else lowest, 3)


def threshold_of(network: GateNetwork, sampler: Sampler, plan: GatePlan, report: Report) -> float:
    """Choose the threshold on further samples of the bodies that trained the network."""
    made = []
    for number in range(plan.validation):
        report("validation", number / plan.validation)
        made.append(sampler.any_kind(plan.samples + number))
    scores = scores_of(network, made)
    fit = torch.tensor([sample.kind == ACCEPTED for sample in made])
    return threshold_between(scores[fit], scores[~fit])


def rates(
    network: GateNetwork,
    threshold: float,
    sampler: Sampler,
    names: Sequence[str],
    heads: int,
    each: int,
    report: Report,
) -> GateRates:
    """Judge the network on `heads` acceptable images and `each` of every other kind, the unseen ones too."""
    kinds = (*KINDS, *HELD_OUT_KINDS)
    taken: dict[str, Rate] = {}
    for place, kind in enumerate(kinds):
        count = heads if kind == ACCEPTED else each
        made = []
        for number in range(count):
            report("judging", (place + number / count) / len(kinds))
            made.append(sampler.of_kind(kind, number))
        passed = int((scores_of(network, made) >= threshold).sum())
        taken[kind] = rate_of(count - passed if kind == ACCEPTED else passed, count)
    refused = taken.pop(ACCEPTED)
    return GateRates(threshold, refused, taken, tuple(names))


def rate_of(wrong: int, tried: int) -> Rate:
    """Return a rate with its exact interval."""
    interval = stats.binomtest(wrong, tried).proportion_ci(0.95, method="exact")
    return Rate(tried, wrong, wrong / tried, float(interval.low), float(interval.high))
