from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from models.packages import Card, CardCalibration, card_text
from models.packages.card_text import NO_SCALE
from models.uncertainty.words import SIMULATED, describe_calibration, describe_uncertainty


def calibrated(protocol: str, **others: object) -> CardCalibration:
    content = {"statement": "calibrated", "nominal": 0.9, "coverage": 0.91, "cases": 3, "protocol": protocol}
    return CardCalibration.model_validate(content | others)


def test_what_was_measured_on_simulations_is_never_told_as_more() -> None:
    assert describe_calibration(calibrated(f"{SIMULATED} Then.")) == "calibrated on simulated held-out cases only"
    of_few, of_ten = (calibrated("Folds of the site's own pairs.", cases=cases) for cases in (3, 10))
    assert describe_calibration(of_few) == "calibrated on 3 held-out cases, which are few"
    assert describe_calibration(of_ten) == "calibrated on 10 held-out cases"


def test_nothing_measured_and_nothing_held_are_both_uncalibrated() -> None:
    assert describe_calibration(None) == "uncalibrated"
    assert describe_calibration(calibrated("Folds.", statement="uncalibrated")) == "uncalibrated"


def test_conformal_bounds_are_named() -> None:
    bounds = calibrated("Folds.", statement="conformal", bounds={"body": 200.0}, cases=60)
    assert describe_calibration(bounds) == "uncalibrated scale; conformal bounds of 60 cases on the card"


@pytest.fixture
def synthesis(small_card: dict[str, Any]) -> dict[str, Any]:
    network = {"kind": "onnx", "tile_voxels": [16, 16, 16], "parameters": 1}
    return small_card | {"network": network, "sha256": "0" * 64}


@pytest.fixture
def segmentation(synthesis: dict[str, Any]) -> dict[str, Any]:
    output = {
        "modality": "SEG",
        "quantity": "label",
        "unit": "label",
        "lowest": 0.0,
        "highest": 1.0,
        "outside": 0.0,
        "labels": {"cord": 1},
    }
    return synthesis | {
        "task": {"kind": "segmentation", "title": "Cord"},
        "output": output | {"voxel_mm": [2.0, 2.0, 2.0]},
    }


def test_a_network_without_a_scale_has_no_uncertainty_that_could_be_calibrated(
    synthesis: dict[str, Any], segmentation: dict[str, Any]
) -> None:
    synthesis["network"]["channels"] = 1
    for content in (synthesis, segmentation):
        card = Card.model_validate(content)
        assert describe_uncertainty(card) == NO_SCALE
        assert f"Uncertainty    {NO_SCALE}" in card_text(card)
        with pytest.raises(ValidationError, match="predicts no scale"):
            Card.model_validate(content | {"calibration": calibrated("Folds.").model_dump()})


def test_a_scale_that_was_not_measured_is_uncalibrated(synthesis: dict[str, Any], small_card: dict[str, Any]) -> None:
    synthesis["network"]["channels"] = 2
    for content in (synthesis, small_card | {"sha256": "0" * 64}):
        card = Card.model_validate(content)
        assert describe_uncertainty(card) == "Laplace scale in HU, uncalibrated"
        assert "Uncertainty    uncalibrated: not measured\n" in card_text(card)


def test_a_card_that_leaves_it_open_is_told_so(synthesis: dict[str, Any]) -> None:
    assert "does not say whether" in card_text(Card.model_validate(synthesis))


def bounds(**others: object) -> dict[str, Any]:
    content = {"statement": "conformal", "nominal": 0.9, "cases": 60, "protocol": "Pairs.", "bounds": {"body": 120.0}}
    return CardCalibration.model_validate(content | others).model_dump()


def test_a_network_without_a_scale_may_have_a_bound_and_labels_may_not(
    synthesis: dict[str, Any], segmentation: dict[str, Any]
) -> None:
    synthesis["network"]["channels"] = 1
    card = Card.model_validate(synthesis | {"calibration": bounds()})
    assert describe_uncertainty(card) == f"{NO_SCALE}; conformal bounds of 60 cases on the card"
    assert "Bounds         conformal: Pairs.\n               bounds body 120 HU" in card_text(card)
    assert card.scale_factor is None
    for claimed in ({"factor": 2.0}, {"coverage": 0.9}):
        with pytest.raises(ValidationError, match="predicts no scale"):
            Card.model_validate(synthesis | {"calibration": bounds(**claimed)})
    with pytest.raises(ValidationError, match="no error that could be bounded"):
        Card.model_validate(segmentation | {"calibration": bounds()})


def test_a_package_without_scale_and_bound_says_why(synthesis: dict[str, Any]) -> None:
    synthesis["network"]["channels"] = 1
    assert "Bounds         none: the error was not measured" in card_text(Card.model_validate(synthesis))
    too_few = CardCalibration(statement="uncalibrated", protocol="No bound: 3 patients.").model_dump()
    card = Card.model_validate(synthesis | {"calibration": too_few})
    assert describe_uncertainty(card) == f"{NO_SCALE}; no bound on its error"
    assert "Bounds         uncalibrated: No bound: 3 patients." in card_text(card)
