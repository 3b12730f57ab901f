"""Bounds on the error that hold for the next patient of the same site, whatever the network is worth.

Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018). Voxels of one patient are not
exchangeable with each other, patients are: so each patient gives one score, and the bound is a quantile over patients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
import numpy.typing as npt

from models.errors import Uncalibrated

LEAST_PAIRS = 50
"""With fewer, a bound is the worst patient or nearly so, and says too little to be printed."""

CONFIDENCE = 0.9
"""Probability with which the next patient keeps to a bound."""

SHARE = 0.95
"""Share of a patient's body that a bound speaks of."""


@dataclass(frozen=True, slots=True)
class ConformalBound:
    """With probability `confidence`, at least `share` of the next patient's body errs by at most `error`.

    Attributes
    ----------
    error
        The bound on the absolute error, in the unit of the scores that it was drawn from.
    share, confidence
        As said above, 0 to 1.
    patients
        How many patients it rests on.
    """

    error: float
    share: float
    confidence: float
    patients: int

    def describe(self, unit: str) -> str:
        """Return the bound in words, with the unit of its scores."""
        return (
            f"with probability {self.confidence:.0%}, {self.share:.0%} of the body errs by at most {self.error:.0f} "
            f"{unit} in the next patient of the same site ({self.patients} patients)"
        )


def patient_score(error: npt.NDArray[np.floating], body: npt.NDArray[np.bool_], share: float = SHARE) -> float:
    """Return the smallest absolute error that at least `share` of a patient's body does not exceed.

    Parameters
    ----------
    error
        Prediction minus truth, of any sign and shape, in any one unit.
    body
        Where the error counts, of the same shape.

    Raises
    ------
    Uncalibrated
        If the body is empty or an error is not finite (``score-undefined``).
    """
    errors = np.abs(error[body])
    if not errors.size or not np.isfinite(errors).all():
        raise Uncalibrated("score-undefined", voxels=int(errors.size), accepted="finite errors in a body")
    return float(np.quantile(errors, share, method="inverted_cdf"))


def worst_scores(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return one score a patient from those of images: the worst, since the bound has to hold for each image."""
    found: dict[str, list[float]] = defaultdict(list)
    for patient, score in scores:
        found[patient].append(score)
    return {patient: max(of_images) for patient, of_images in found.items()}


def conformal_bound(
    scores: Mapping[str, float], confidence: float = CONFIDENCE, share: float = SHARE, least: int = LEAST_PAIRS
) -> ConformalBound:
    """Return the bound that the next patient's score keeps to with probability `confidence` or more.

    It is the ceil((n + 1) confidence)-th smallest of n scores. The promise is exact if patients are exchangeable: same
    site, scanner, protocol and kind of patient, and no score from a network that trained on its patient. Scores from
    the folds of a cross-validation, each from a network that never saw the patient, come close without the proof
    (cross-conformal prediction, Vovk 2015).

    Parameters
    ----------
    scores
        Of `patient_score` with the same `share`, by patient: one patient counts once.

    Raises
    ------
    Uncalibrated
        With fewer than `least` patients, or too few for `confidence` (``uncalibrated``), or where a score is not finite
        (``score-undefined``).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}")
    patients = len(scores)
    rank = _rank(patients, confidence)
    if patients < least or rank > patients:
        needed = max(least, ceil(confidence / (1 - confidence) - 1e-9))
        raise Uncalibrated("uncalibrated", pairs=patients, accepted=f"{needed} or more", remedy="add pairs of the site")
    strange = sorted(patient for patient, score in scores.items() if not isfinite(score))
    if strange:
        raise Uncalibrated("score-undefined", patients=", ".join(strange[:5]), accepted="finite scores")
    return ConformalBound(float(sorted(scores.values())[rank - 1]), share, confidence, patients)


def _rank(patients: int, confidence: float) -> int:
    # Rounded first: 0.9 * 60 must be 54 although 0.9 has no exact binary form.
    return ceil(round((patients + 1) * confidence, 9))
