"""What a fine-tuned package's card states of its figures and of its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import Uncalibrated
from models.metrics import THRESHOLDS, Cohort
from models.packages import CardCalibration, CardMetrics, Figure, MetricRow
from models.reports.methods import AllWater, MeanMap
from models.reports.results import ANY
from models.training.finetune.gain import BASELINES, FIGURES, METHODS, Gain
from models.training.finetune.judging import AFTER, BEFORE, Judged
from models.uncertainty.calibration import NOMINAL, coverage, fit_factor
from models.uncertainty.conformal import LEAST_PAIRS, conformal_bound, worst_scores
from models.uncertainty.ranking import rank_correlation
from models.uncertainty.samples import Sample, split_cases
from models.uncertainty.words import SIMULATED, describe_interval, few

OTHER_NETWORK = (
    "All of this was measured with the folds' networks; a package ships another, trained on all pairs, of which it "
    "is an estimate."
)
"""Nobody is left to measure the packaged network with: everyone taught it."""


def card_metrics(gain: Gain, judged: Sequence[Judged], parent: str, folds: int, gate: str = "") -> CardMetrics:
    """Return the figures before and after, beside baselines, with how they were measured.

    Parameters
    ----------
    parent
        Name and version of the package that was begun from.
    folds
        Of the cross-validation.
    gate
        What is to be said of pairs that the parent's input gate refuses, if it refuses any.
    """
    simulated = "Simulated pairs, not real ones. " if all(one.simulated for one in judged) else ""
    protocol = (
        f"{simulated}Cross-validation in {folds} folds by patient: {gain.pairs} pairs of {gain.patients} patients, "
        "each judged by a network that neither learnt from that patient nor was stopped by them. Errors in HU inside "
        f"the body mask, on each pair's own grid, {THRESHOLDS}. Means over patients with the 95 % interval "
        f"(bootstrap). {AFTER}: after fine-tuning; {BEFORE}: {parent}, as it came; {AllWater.name}: {AllWater.words}; "
        f"{MeanMap.name}: the mean CT of the patients learnt from, bounding boxes centred. {gain.sentence} The "
        "packaged network was then trained on all pairs, and was itself judged by nobody."
        f"{f' {gate}' if gate else ''}"
    )
    rows = tuple(
        MetricRow(
            method=method,
            contrast=ANY,
            cases=gain.patients,
            figures={name: _figure(name, cohort) for name, cohort in gain.rows[method].items()},
        )
        for method in METHODS
    )
    return CardMetrics(protocol=protocol, baselines=BASELINES, rows=rows)


def calibration_of(samples: Sequence[Sample], judged: Sequence[Judged]) -> CardCalibration:
    """Return what the uncertainty is worth: conformal from `LEAST_PAIRS` patients on, uncalibrated below.

    In either case the factor on the predicted scale is fitted on half of the patients, and its coverage is that on the
    other half. All predictions are those of the folds' networks on patients that they had not seen.
    """
    fit, judge = split_cases(samples)
    factor = fit_factor(fit)
    covered, rank = coverage(judge, factor, NOMINAL), rank_correlation(judge)
    fitting, judging = (len({sample.case for sample in side}) for side in (fit, judge))
    findings = " ".join(
        part
        for part in (
            f"The factor was fitted on {fitting} of the patients, coverage is that on the other {judging}.",
            describe_interval(covered),
            few(judging),
        )
        if part
    )
    # Several contrasts of one patient are one patient.
    scores = worst_scores((one.case, one.conformal_score) for one in judged)
    simulated = f"{SIMULATED} " if all(one.simulated for one in judged) else ""
    try:
        bound = conformal_bound(scores)
    except Uncalibrated:
        return CardCalibration(
            statement="uncalibrated",
            factor=round(factor, 4),
            nominal=NOMINAL,
            coverage=_rounded(None if covered is None else covered.mean),
            spearman=_rounded(rank),
            cases=len({one.case for one in judge}),
            protocol=(
                f"{simulated}uncalibrated: bounds for the next patient need {LEAST_PAIRS} patients, and there are "
                f"{len(scores)}. {findings} All were predicted by the network of a fold that had not seen them. "
                f"{OTHER_NETWORK}"
            ),
        )
    return CardCalibration(
        statement="conformal",
        factor=round(factor, 4),
        nominal=NOMINAL,
        coverage=_rounded(None if covered is None else covered.mean),
        spearman=_rounded(rank),
        cases=bound.patients,
        protocol=(
            f"{simulated}Cross-conformal: {bound.describe('HU')}, all predicted by the network of a fold that had not "
            "seen them. It "
            f"holds for the same scanner, sequence and kind of patient. {findings} {OTHER_NETWORK}"
        ),
        bounds={"body": round(bound.error, 1)},
    )


def _figure(name: str, cohort: Cohort) -> Figure:
    digits = FIGURES[name]
    low, high = (None if bound is None else round(bound, digits) for bound in (cohort.low, cohort.high))
    return Figure(mean=round(cohort.mean, digits), low=low, high=high)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
