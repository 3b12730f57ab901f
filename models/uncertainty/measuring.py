"""What a package's predicted scale is worth on pairs: half of the cases fit its factor, the other half judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from models.errors import Uncalibrated
from models.gate.tally import GateTally, refusal_of, tally_of
from models.inference import Predictor
from models.metrics import Cohort
from models.packages import Card, CardCalibration, ModelPackage
from models.reports.cases import load_case
from models.reports.methods import Model
from models.uncertainty.calibration import (
    LEVELS,
    NOMINAL,
    ReliabilityBin,
    calibration_error,
    coverage,
    fit_factor,
    reliability,
)
from models.uncertainty.ranking import Sparsification, rank_correlation, sparsification
from models.uncertainty.samples import TISSUES, Sample, sample_of, split_cases
from models.uncertainty.unseen import unseen_pairs
from models.uncertainty.words import LEAST_JUDGES, SIMULATED, describe_interval, few

TOLERANCE = 0.05
"""A scale is called calibrated when its coverage at the nominal level is no farther off than this on judging cases, and
errors are larger where it is larger: one that is the same everywhere tells nothing, however often it holds."""

_REGIONS = ("body", *TISSUES)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the scale is worth on the judging cases, by region: the body and its tissues.

    Attributes
    ----------
    calibration
        What the card gets.
    fit, judge
        Names of the cases on each side.
    images
        Number of images on each side, in that order.
    coverage, before
        By region and level, with the factor and without it, each a mean over patients; None where there is no such
        tissue.
    spearman
        By region.
    table, error
        Reliability with the factor, and its calibration error (ENCE), in the body.
    order
        Sparsification in the body.
    intervals
        95 % intervals of `coverage` over the judging patients (bootstrap); None with one patient.
    gate
        Which of the pairs the package's own gate refuses in use.
    """

    calibration: CardCalibration
    fit: tuple[str, ...]
    judge: tuple[str, ...]
    images: tuple[int, int]
    coverage: Mapping[str, Mapping[str, float | None]]
    before: Mapping[str, Mapping[str, float | None]]
    spearman: Mapping[str, float | None]
    table: tuple[ReliabilityBin, ...]
    error: float
    order: Sparsification
    intervals: Mapping[str, Mapping[str, list[float] | None]]
    gate: GateTally

    def as_json(self) -> dict[str, object]:
        """Return the content of the calibration file; its entry ``calibration`` goes into the card."""
        return {
            "schema": 1,
            "calibration": self.calibration.model_dump(mode="json"),
            "cases": {"fit": list(self.fit), "judge": list(self.judge)},
            "images": {"fit": self.images[0], "judge": self.images[1]},
            "coverage": self.coverage,
            "coverage_interval": self.intervals,
            "few": len(self.judge) < LEAST_JUDGES,
            "gate": self.gate.as_json(),
            "coverage_without_factor": self.before,
            "spearman": self.spearman,
            "reliability": [asdict(one) for one in self.table],
            "calibration_error": self.error,
            "sparsification": asdict(self.order),
        }


def compares_scale(card: Card) -> bool:
    """Return whether a predicted scale can stand beside errors: it is predicted, in a unit that the truth has too.

    Of MR signal it cannot: truth and answer are each brought to a scale of their own before they are compared, which
    the network's scale does not know of.
    """
    return card.predicts_scale is not False and not card.output.quantity.facts.relative_unit


def measure(
    package: ModelPackage, predictor: Predictor, folders: Sequence[Path], tell: Callable[[str], None]
) -> Measured:
    """Predict every pair in `folders`, fit the factor on half of the cases and judge it on the others.

    Parameters
    ----------
    package, predictor
        A package whose scale can be measured (`compares_scale`), and what runs it.
    folders
        Pairs that the network was not trained on; a case that is in several stays on one side.
    tell
        Called with a line for each image.

    Raises
    ------
    PairsError, InputError
        If a folder holds no pairs, or one cannot be read or computed.
    Uncalibrated
        If the package predicts no scale (``scale-absent``), there are fewer than two cases (``cases-too-few``), or it
        was trained on one (``cases-known``).
    """
    method = Model(package.card, predictor)
    already = 1.0 if package.card.calibration is None else package.card.calibration.factor
    samples, simulated, refusals = [], [], []
    for pair in unseen_pairs(package.card, folders):
        case = load_case(pair, package.card)
        answer = method.answer(case)
        if answer.scale is None:
            raise Uncalibrated("scale-absent", package=package.card.name, accepted="a network with a Laplace head")
        # The prediction has the card's factor in it; what is fitted here replaces that, it does not come on top.
        samples.append(
            sample_of(case.case, answer.values, (answer.scale / already).astype(np.float32), case.truth, case.body)
        )
        simulated.append(case.simulated)
        refusals.append(refusal_of(pair.patient, case.inputs, package))
        tell(f"{case.patient}  {case.contrast}  mean error {samples[-1].error.mean():.1f} HU, {answer.seconds:.1f} s")
    fit, judge = split_cases(samples)
    return _measured(fit, judge, all(simulated), tally_of(refusals, package.card))


def _measured(fit: Sequence[Sample], judge: Sequence[Sample], simulated: bool, gate: GateTally) -> Measured:
    factor = fit_factor(fit)
    parts = {"body": list(judge)} | {tissue: [sample.of_tissue(tissue) for sample in judge] for tissue in TISSUES}
    found = coverage(judge, factor, NOMINAL)
    assert found is not None  # no sample is empty
    table = reliability(judge, factor)
    spearman = {region: rank_correlation(parts[region]) for region in _REGIONS}
    fitting, judging = (tuple(sorted({sample.case for sample in side})) for side in (fit, judge))
    rank = spearman["body"]
    judged = _by_level(parts, factor)
    held = abs(found.mean - NOMINAL) <= TOLERANCE and rank is not None and rank > 0
    return Measured(
        calibration=CardCalibration(
            statement="calibrated" if held else "uncalibrated",
            factor=round(factor, 4),
            nominal=NOMINAL,
            coverage=round(found.mean, 4),
            spearman=None if rank is None else round(rank, 4),
            cases=len(judging),
            protocol=" ".join(
                part
                for part in (
                    _protocol(fitting, judging, len(judge), simulated),
                    describe_interval(found),
                    few(len(judging)),
                    _unranked(spearman, parts),
                    gate.remark,
                )
                if part
            ),
        ),
        fit=fitting,
        judge=judging,
        images=(len(fit), len(judge)),
        coverage=_means(judged),
        before=_means(_by_level(parts, 1.0)),
        spearman=spearman,
        table=table,
        error=calibration_error(table),
        order=sparsification(judge),
        intervals=_intervals(judged),
        gate=gate,
    )


def _unranked(spearman: Mapping[str, float | None], parts: Mapping[str, Sequence[Sample]]) -> str:
    """Return in words where the scale does not rank errors, and why; a tissue that is nowhere is no such place."""
    blind = []
    for region, rank in spearman.items():
        if rank is not None and rank <= 0:
            blind.append(f"{region} ({rank:.2f})")
        elif rank is None and any(sample.error.size > 1 for sample in parts[region]):
            flat = all(np.ptp(sample.scale) == 0 for sample in parts[region] if sample.scale.size)
            blind.append(f"{region} (the {'scale' if flat else 'error'} is the same everywhere)")
    if not blind:
        return ""
    return f"It does NOT tell large errors from small ones in {', '.join(blind)}: no rank correlation above 0."


def _by_level(parts: Mapping[str, Sequence[Sample]], factor: float) -> dict[str, dict[str, Cohort | None]]:
    return {
        region: {f"{level:g}": coverage(samples, factor, level) for level in LEVELS}
        for region, samples in parts.items()
    }


def _means(found: Mapping[str, Mapping[str, Cohort | None]]) -> dict[str, dict[str, float | None]]:
    return {
        region: {level: None if one is None else one.mean for level, one in by_level.items()}
        for region, by_level in found.items()
    }


def _intervals(found: Mapping[str, Mapping[str, Cohort | None]]) -> dict[str, dict[str, list[float] | None]]:
    return {
        region: {
            level: None if one is None or one.low is None or one.high is None else [one.low, one.high]
            for level, one in by_level.items()
        }
        for region, by_level in found.items()
    }


def _protocol(fit: Sequence[str], judge: Sequence[str], images: int, simulated: bool) -> str:
    return (
        f"{f'{SIMULATED} ' if simulated else ''}"
        f"The factor makes {NOMINAL:.0%} of the errors in the body lie within reach of the predicted Laplace scale on "
        f"{_counted(fit)} ({', '.join(fit)}); coverage and rank correlation were then taken on {_counted(judge)} "
        f"({', '.join(judge)}; {images} images), "
        "in each image's body alone; shares are means over a patient's images and then over patients, the correlation "
        f"is a mean over images. Called calibrated within {TOLERANCE * 100:g} points of the nominal "
        "share, where scale and error rise together in the body"
        f"{'; on real images nothing was measured' if simulated else ''}."
    )


def _counted(patients: Sequence[str]) -> str:
    return "1 patient" if len(patients) == 1 else f"{len(patients)} patients"
