"""What a person reads of a map of uncertainty, beside the map."""

from __future__ import annotations

from models.metrics import Cohort
from models.packages import Card, CardCalibration
from models.packages.card_text import NO_SCALE

SIMULATED = "Simulated pairs, not patients."
"""A protocol that begins with this says nothing of real images."""

LEAST_JUDGES = 10
"""With fewer patients that judge, their coverage may lie far from that of the next ones."""


def describe_uncertainty(card: Card) -> str:
    """Return in a few words what uncertainty a package predicts, and what it is worth."""
    if card.predicts_scale is False:
        return NO_SCALE if card.calibration is None else f"{NO_SCALE}; {_bounds(card.calibration)}"
    return f"Laplace scale in {card.output.unit}, {describe_calibration(card.calibration)}"


def describe_calibration(calibration: CardCalibration | None) -> str:
    """Return in a few words what predicted Laplace scales are worth by a package's card."""
    if calibration is None or calibration.statement == "uncalibrated":
        return "uncalibrated"
    if calibration.protocol.startswith(SIMULATED):
        return "calibrated on simulated held-out cases only"
    if calibration.statement == "conformal":
        # The bounds hold; whether the scale does was not asked.
        return f"uncalibrated scale; {_bounds(calibration)}"
    which = ", which are few" if few(calibration.cases) else ""
    return f"calibrated on {calibration.cases} held-out cases{which}"


def _bounds(calibration: CardCalibration) -> str:
    if calibration.statement != "conformal":
        return "no bound on its error"
    simulated = "simulated " if calibration.protocol.startswith(SIMULATED) else ""
    return f"conformal bounds of {calibration.cases} {simulated}cases on the card"


def few(judges: int) -> str:
    """Return what must be said of a coverage that so many patients judged; empty from `LEAST_JUDGES` on."""
    if judges >= LEAST_JUDGES:
        return ""
    patients = "1 patient" if judges == 1 else f"{judges} patients"
    return f"FEW: judged on {patients}, where {LEAST_JUDGES} are the least by which the word means something."


def describe_interval(found: Cohort | None) -> str:
    """Return in words how far the coverage of other patients may lie from the one found."""
    if found is None or found.low is None or found.high is None:
        return "One patient judged, so the coverage has no interval."
    return (
        f"Over the {found.patients} judging patients the 95 % interval of the coverage is {found.low:.1%} to "
        f"{found.high:.1%} (bootstrap)."
    )
