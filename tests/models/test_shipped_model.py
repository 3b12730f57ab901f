"""The model in the box: its card is honest, and on a head that is known exactly it finds the skull."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

from models.anatomy.phantoms import head_ct, head_labels, head_phantom
from models.inference import Prediction, Predictor
from models.metrics import region_errors
from models.packages import ModelPackage, Status, installed
from models.tissues import Tissue
from models.volumes import Grid

pytestmark = pytest.mark.slow

# A sagittal read of the head from the eyes upwards: i runs backwards, j downwards, k to the right.
MR_GRID = Grid(
    (120, 70, 88), (2.0, 2.0, 2.0), (87.0, -121.0, 110.0), ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0))
)
TARGET = Grid((116, 160, 92), (1.5, 1.5, 1.5), (-86.25, -120.0, -27.75))


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return installed()["head-mr-to-ct"]


@cache
def predicted(package: ModelPackage, precision: str) -> Prediction:
    mr = head_phantom(MR_GRID, seed=3).mr
    return Predictor(package, precision=precision).predict({"mr": mr}, TARGET, lambda _: None)


@pytest.fixture(scope="module")
def truth() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    labels = head_labels(TARGET, seed=3)
    return head_ct(labels).values, labels.values != Tissue.AIR


def test_its_card_says_what_it_is(package: ModelPackage) -> None:
    card = package.card
    assert card.status is Status.REFERENCE
    assert card.disclaimer == "Research use only. Not a medical device."
    assert card.training.held_out == ("seg_17", "seg_18", "seg_19", "seg_20")
    assert len(card.training.trained_on) == 16
    assert not set(card.training.trained_on) & set(card.training.held_out)
    assert card.inputs[0].age_years_min >= 18
    assert card.inputs[0].distortion_correction_required
    assert "no pair of a patient was measured" in card.metrics.protocol
    assert card.limits


def test_its_weights_are_small_and_half_precise(package: ModelPackage) -> None:
    weights = load_file(package.weights)
    network = sum(value.size for name, value in weights.items() if not name.startswith("gate."))
    assert network == package.card.network.parameters
    assert sum(value.size for value in weights.values()) <= 5_500_000
    assert {value.dtype for value in weights.values()} == {np.dtype(np.float16)}


def test_its_card_shows_that_it_beats_both_baselines(package: ModelPackage) -> None:
    rows = package.card.metrics.rows
    model = [row for row in rows if row.method == "model"]
    baselines = [row for row in rows if row.method in ("all-water", "mean-map")]
    assert {row.contrast for row in model} == {"T1", "T2", "FLAIR", "PD", "any"}
    assert {row.method for row in baselines} == {"all-water", "mean-map"}
    for row in model:
        ours = row.figures["mae_body"].mean
        assert ours < 0.6 * min(baseline.figures["mae_body"].mean for baseline in baselines)
        assert row.figures["dice_bone"].mean >= 0.75


@pytest.mark.slow
def test_it_finds_the_skull_of_the_phantom(
    package: ModelPackage, truth: tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
) -> None:
    ct, body = truth
    found = predicted(package, "bfloat16")
    water = region_errors(ct, np.zeros_like(ct), body)
    ours = region_errors(ct, found.synthetic.values, body)
    assert ours.body.mae < water.body.mae
    assert ours.dice_bone is not None
    assert ours.dice_bone > 0.6
    assert found.synthetic.values[~body].mean() < -800


@pytest.mark.slow
def test_precisions_agree_within_the_card(package: ModelPackage) -> None:
    part = Grid((80, 80, 80), TARGET.spacing, (-60.0, -120.0, -30.0))
    mr = head_phantom(MR_GRID, seed=3).mr
    one, other = (
        Predictor(package, precision=precision).predict({"mr": mr}, part, lambda _: None).synthetic.values
        for precision in ("bfloat16", "float32")
    )
    assert np.abs(one - other).max() < package.card.golden.tolerance
