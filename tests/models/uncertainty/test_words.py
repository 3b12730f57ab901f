from __future__ import annotations

from models.packages import CardCalibration
from models.uncertainty.words import SIMULATED, told


def calibrated(protocol: str, **others: object) -> CardCalibration:
    content = {"statement": "calibrated", "nominal": 0.9, "coverage": 0.91, "cases": 3, "protocol": protocol}
    return CardCalibration.model_validate(content | others)


def test_what_was_measured_on_simulations_is_never_told_as_more() -> None:
    assert told(calibrated(f"{SIMULATED} Then.")) == "calibrated on simulated held-out cases only"
    assert told(calibrated("Folds of the site's own pairs.")) == "calibrated on 3 held-out cases"


def test_nothing_measured_and_nothing_held_are_both_uncalibrated() -> None:
    assert told(None) == "uncalibrated"
    assert told(calibrated("Folds.", statement="uncalibrated")) == "uncalibrated"


def test_conformal_bounds_are_named() -> None:
    bounds = calibrated("Folds.", statement="conformal", bounds_hu={"body": 200.0}, cases=60)
    assert told(bounds) == "uncalibrated scale; conformal bounds of 60 cases on the card"
