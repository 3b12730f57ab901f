"""How far an output errs at most: a conformal bound on pairs, for packages without a scale that could be measured.

MR signal has no unit: truth and answer are each divided by their own foreground's 90th percentile first, as for every
other figure of MR (`models.metrics.signal`). The bound is then one on the picture and not on its overall brightness.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import Uncalibrated
from models.gate.tally import GateTally, refusal_of, tally_of
from models.inference import Predictor
from models.packages import Card, CardCalibration, ModelPackage
from models.reports.cases import load_case
from models.reports.methods import Model
from models.uncertainty.conformal import CONFIDENCE, LEAST_PAIRS, SHARE, conformal_bound, patient_score, worst_scores
from models.uncertainty.unseen import unseen_pairs
from models.uncertainty.words import SIMULATED


@dataclass(frozen=True, slots=True)
class Bounded:
    """What was found.

    Attributes
    ----------
    calibration
        What the card gets: ``conformal`` with a bound, or ``uncalibrated`` with the reason why there is none.
    scores
        By patient the error that 95 % of the body does not exceed, in `unit`; of the worst image.
    images
        How many images were predicted.
    unit
        Of `scores` and of the bound.
    gate
        Which of the pairs the package's own gate refuses in use.
    """

    calibration: CardCalibration
    scores: Mapping[str, float]
    images: int
    unit: str
    gate: GateTally

    def as_json(self) -> dict[str, object]:
        """Return the content of the calibration file; its entry ``calibration`` goes into the card."""
        return {
            "schema": 1,
            "calibration": self.calibration.model_dump(mode="json"),
            "scores": dict(self.scores),
            "images": self.images,
            "unit": self.unit,
            "gate": self.gate.as_json(),
        }


def bound_error(
    package: ModelPackage, predictor: Predictor, folders: Sequence[Path], tell: Callable[[str], None]
) -> Bounded:
    """Predict every pair in `folders` and draw a bound for the next patient from the patients' errors.

    Parameters
    ----------
    package, predictor
        The package, and what runs it.
    folders
        Pairs that the network was not trained on; several images of one case are one patient.
    tell
        Called with a line for each image.

    Raises
    ------
    PairsError, InputError
        If a folder holds no pairs, or one cannot be read or computed.
    Uncalibrated
        If the output is labels (``bound-undefined``), the package was trained on a case (``cases-known``), or a body is
        empty (``score-undefined``).
    """
    card = package.card
    if card.task.kind == "segmentation":
        raise Uncalibrated("bound-undefined", package=card.name, found="labels", accepted="an output of values")
    method, unit = Model(card, predictor), card.output.quantity.error_unit
    scores, simulated, refusals = [], [], []
    for pair in unseen_pairs(card, folders):
        case = load_case(pair, card)
        answer = method.answer(case)
        score = patient_score(answer.values - case.truth, case.body)
        scores.append((case.case, score))
        simulated.append(case.simulated)
        refusals.append(refusal_of(pair.patient, case.inputs, package))
        tell(f"{case.patient}  {case.contrast}  {SHARE:.0%} errs by at most {score:.0f} {unit}, {answer.seconds:.1f} s")
    gate, worst = tally_of(refusals, card), worst_scores(scores)
    return Bounded(_calibration(card, worst, all(simulated), gate.remark), worst, len(scores), unit, gate)


def _calibration(card: Card, scores: Mapping[str, float], simulated: bool, remark: str) -> CardCalibration:
    """Return a bound of enough patients, or that they were too few."""
    quantity = card.output.quantity
    relative = f"Errors are in {quantity.error_unit}, each image's own." if quantity.facts.relative_unit else ""
    if len(scores) < LEAST_PAIRS:
        reason = f"No bound: one for the next patient needs {LEAST_PAIRS} patients, and there are {len(scores)}."
        return CardCalibration(statement="uncalibrated", protocol=_joined(simulated, reason, remark))
    bound = conformal_bound(scores)
    found = (
        f"Split conformal: {bound.describe(quantity.error_unit)}, none of whom the network was trained on. It holds "
        "for the same scanner, sequence and kind of patient, and says nothing of a single voxel."
    )
    return CardCalibration(
        statement="conformal",
        nominal=CONFIDENCE,
        cases=bound.patients,
        protocol=_joined(simulated, found, relative, remark),
        bounds={"body": round(bound.error, 1)},
    )


def _joined(simulated: bool, *sentences: str) -> str:
    return " ".join(one for one in (SIMULATED if simulated else "", *sentences) if one)
