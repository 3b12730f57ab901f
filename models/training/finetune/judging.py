"""What the network did before and after on a patient that it did not learn from, beside methods that see no image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from models.inference import Predictor
from models.metrics import region_errors
from models.networks.building import ResidualUNetRunner, running
from models.networks.residual_unet import ResidualUNet
from models.packages import ModelPackage
from models.reports.cases import Case
from models.reports.methods import AllWater, Answer, MeanMap, Method, Model
from models.training.finetune.trainable import anchored_network
from models.uncertainty.conformal import patient_score
from models.uncertainty.samples import Sample, sample_of
from models.volumes import Volume

BEFORE, AFTER = "before", "model"
"""The package that was begun from, and what came of it."""

_SAMPLED = 20_000


@dataclass(frozen=True, slots=True)
class Judged:
    """One pair of a fold's test part.

    Attributes
    ----------
    patient, case, contrast, simulated
        See `models.reports.cases.Case`.
    figures
        By method and figure, e.g. ``mae_body`` in HU; a figure that is not defined is left out.
    conformal_score
        Of the fine-tuned network, HU; see `models.uncertainty.conformal`.
    """

    patient: str
    case: str
    contrast: str
    simulated: bool
    figures: Mapping[str, Mapping[str, float]]
    conformal_score: float

    def as_json(self) -> dict[str, object]:
        """Return this as data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """The methods that are compared on each pair."""

    methods: Mapping[str, Method] = field(default_factory=dict)
    factor: float = 1.0

    def __call__(self, case: Case) -> tuple[Judged, Sample]:
        """Return the figures of a pair, and the fine-tuned network's errors beside its scales."""
        answers = {name: method.answer(case) for name, method in self.methods.items()}
        after = answers[AFTER]
        scale = np.full(case.truth.shape, self.factor, np.float32) if after.scale is None else after.scale
        own = (scale / np.float32(self.factor)).astype(np.float32)
        sample = sample_of(case.case, after.values, own, case.truth, case.body, _SAMPLED)
        figures = {name: _figures(case, answer) for name, answer in answers.items()}
        score = patient_score(after.values - case.truth, case.body)
        return Judged(case.patient, case.case, case.contrast, case.simulated, figures, score), sample


def judge_of(package: ModelPackage, network: ResidualUNet, mean: Volume, device: str) -> Judge:
    """Return a judge of `network` beside the package that it came from and the mean CT of those it learnt from."""
    runner = ResidualUNetRunner(network, anchored_network(package).temperature)
    tuned = Predictor(package, device, build=lambda _, place, precision: running(runner, place, precision))
    methods: dict[str, Method] = {
        BEFORE: Model(package.card, Predictor(package, device)),
        AFTER: Model(package.card, tuned),
        AllWater.name: AllWater(),
        MeanMap.name: MeanMap(mean),
    }
    # A prediction has the card's factor in it, which was measured on the network before.
    return Judge(methods, 1.0 if package.card.calibration is None else package.card.calibration.factor)


def _figures(case: Case, answer: Answer) -> dict[str, float]:
    errors = region_errors(case.truth, answer.values, case.body)
    found = {
        "mae_body": errors.body.mae,
        "me_body": errors.body.me,
        "mae_soft": errors.soft.mae if errors.soft else None,
        "mae_bone": errors.bone.mae if errors.bone else None,
        "dice_bone": errors.dice_bone,
    }
    return {name: float(value) for name, value in found.items() if value is not None}
