"""What a person is told of a map of uncertainty, beside the map."""

from __future__ import annotations

from models.packages import CardCalibration

SIMULATED = "Simulated pairs, not patients."
"""A protocol that begins with this says nothing of real images."""


def told(calibration: CardCalibration | None) -> str:
    """Return in a few words what predicted Laplace scales are worth by a package's card."""
    if calibration is None or calibration.statement == "uncalibrated":
        return "uncalibrated"
    if calibration.protocol.startswith(SIMULATED):
        return "calibrated on simulated held-out cases only"
    if calibration.statement == "conformal":
        # The bounds hold; whether the scale does was not asked.
        return f"uncalibrated scale; conformal bounds of {calibration.cases} cases on the card"
    return f"calibrated on {calibration.cases} held-out cases"
