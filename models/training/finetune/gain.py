"""What fine-tuning gained, over all patients of the cross-validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from models.metrics import Cohort, over_patients, paired_difference
from models.reports.methods import AllWater, MeanMap
from models.training.finetune.judging import AFTER, BEFORE, Judged

BASELINES = (AllWater.name, MeanMap.name)
METHODS = (AFTER, BEFORE, *BASELINES)
FIGURES = {"mae_body": 1, "me_body": 1, "mae_soft": 1, "mae_bone": 1, "dice_bone": 3}
"""Figures and the decimal places that mean something."""

DECIDING = "mae_body"
WATER = AllWater.name
_TITLES = {"mae_body": "MAE body HU", "mae_soft": "soft", "mae_bone": "bone", "dice_bone": "Dice bone"}


class GainVerdict(StrEnum):
    """What may be claimed of the error in the body, after against before."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "no difference shown"


@dataclass(frozen=True, slots=True)
class Gain:
    """Figures over patients.

    Attributes
    ----------
    rows
        By method and figure.
    differences
        After minus each other method, patient by patient.
    verdict
        By the 95 % interval of the paired difference of the error in the body: one that holds 0 shows nothing.
    patients, pairs
        How many were judged, each by a network that had not seen them.
    """

    rows: Mapping[str, Mapping[str, Cohort]]
    differences: Mapping[str, Mapping[str, Cohort]]
    verdict: GainVerdict
    patients: int
    pairs: int

    @property
    def worse_than_water(self) -> bool:
        """Whether the fine-tuned network errs more in the body, on average over patients, than calling it all water."""
        return self.rows[AFTER][DECIDING].mean >= self.rows[WATER][DECIDING].mean

    @property
    def sentence(self) -> str:
        """The verdict in words; worse than water comes first, because no gain counts beside it."""
        return f"{self._water}{self._difference}"

    @property
    def _water(self) -> str:
        if not self.worse_than_water:
            return ""
        after, water = (self.rows[method][DECIDING].mean for method in (AFTER, WATER))
        return (
            f"WORSE THAN WATER: after fine-tuning the error in the body is {after:.1f} HU, that of calling the whole "
            f"body water {water:.1f} HU. "
        )

    @property
    def _difference(self) -> str:
        found = self.differences[BEFORE][DECIDING]
        if found.low is None or found.high is None:
            return "One patient: nothing can be said of a difference."
        change = (
            f"{found.mean:+.1f} HU (95 % interval {found.low:+.1f} to {found.high:+.1f}, {found.patients} patients)"
        )
        if self.verdict is GainVerdict.UNDECIDED:
            return f"No improvement is shown: the error in the body changed by {change}, and the interval holds 0."
        word = "fell" if self.verdict is GainVerdict.BETTER else "ROSE"
        return f"The error in the body {word} by fine-tuning: {change}."

    def as_json(self) -> dict[str, object]:
        """Return this as data."""
        return {**asdict(self), "verdict": self.verdict.value, "sentence": self.sentence}


def gain_of(judged: Sequence[Judged]) -> Gain:
    """Summarise the test pairs of all folds."""
    values = {method: {name: _by_patient(judged, method, name) for name in FIGURES} for method in METHODS}
    rows = {
        method: {name: found for name, of_name in figures.items() if (found := over_patients(of_name)) is not None}
        for method, figures in values.items()
    }
    differences = {
        other: {
            name: found
            for name in FIGURES
            if (found := paired_difference(values[AFTER][name], values[other][name])) is not None
        }
        for other in METHODS[1:]
    }
    cases = {one.case for one in judged}
    return Gain(rows, differences, _verdict(differences[BEFORE][DECIDING]), len(cases), len(judged))


def figure_lines(gain: Gain) -> list[str]:
    """Return the figures of each method as lines for a screen: before, after, all-water and the mean CT."""
    methods = {BEFORE: "before", AFTER: "after", WATER: WATER, MeanMap.name: MeanMap.name}
    width = max(map(len, methods.values()))
    lines = []
    for method, title in methods.items():
        figures = [
            f"{_TITLES[name]} {cohort.mean:.{FIGURES[name]}f}"
            for name, cohort in gain.rows[method].items()
            if name in _TITLES
        ]
        lines.append(f"{title:<{width}}  {', '.join(figures)}")
    return lines


def _verdict(found: Cohort) -> GainVerdict:
    if found.high is not None and found.high < 0:
        return GainVerdict.BETTER
    if found.low is not None and found.low > 0:
        return GainVerdict.WORSE
    return GainVerdict.UNDECIDED


def _by_patient(judged: Sequence[Judged], method: str, name: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for one in judged:
        if name in one.figures[method]:
            found[one.case].append(one.figures[method][name])
    return found
