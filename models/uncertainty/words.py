"""What a person is told of a map of uncertainty, beside the map."""

from __future__ import annotations

from models.packages import Card, CardCalibration
from models.packages.card_text import NO_SCALE

SIMULATED = "Simulated pairs, not patients."
"""A protocol that begins with this says nothing of real images."""


def described(card: Card) -> str:
    """Return in a few words what uncertainty a package predicts, and what it is worth."""
    if card.predicts_scale is False:
        return NO_SCALE
    return f"Laplace scale in {card.output.unit}, {told(card.calibration)}"


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
