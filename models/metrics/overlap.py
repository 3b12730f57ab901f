"""How two binary maps agree, voxel by voxel (or case by case): counts and the shares made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.volumes import Array


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of agreement. A share whose denominator is 0 is None, but for an organ that was missed.

    Where truth has voxels and the prediction has none, precision is 0 and not undefined: an organ that is missed must
    lower every mean that it enters.

    Attributes
    ----------
    tp, fp, fn, tn
        True positives, false positives, false negatives, true negatives.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN) (Dice 1945); None where neither map has a voxel."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, which is Dice."""
        return self.dice

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP); 0 for an empty prediction of something that is there."""
        return 0.0 if self.missed else _share(self.tp, self.tp + self.fp)

    @property
    def ppv(self) -> float | None:
        """Positive predictive value, another name of precision."""
        return self.precision

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN); None where there was nothing to find."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def sensitivity(self) -> float | None:
        """Another name of recall."""
        return self.recall

    @property
    def specificity(self) -> float | None:
        """TN / (TN + FP); depends on how much background the map holds."""
        return _share(self.tn, self.tn + self.fp)

    @property
    def npv(self) -> float | None:
        """Negative predictive value, TN / (TN + FN); depends on how much background the map holds."""
        return _share(self.tn, self.tn + self.fn)

    @property
    def missed(self) -> bool:
        """Whether something is there and nothing of it was predicted."""
        return self.fn > 0 and self.tp + self.fp == 0

    @property
    def invented(self) -> bool:
        """Whether nothing is there and something was predicted."""
        return self.fp > 0 and self.tp + self.fn == 0

    @property
    def absent(self) -> bool:
        """Whether neither map has anything: there is nothing to judge."""
        return self.tp + self.fp + self.fn == 0


def confusion(truth: Array, prediction: Array) -> Confusion:
    """Count how two binary arrays of one shape agree.

    Raises
    ------
    InputError
        If the shapes differ (``shapes-differ``).
    """
    if truth.shape != prediction.shape:
        raise InputError("shapes-differ", truth=str(truth.shape), prediction=str(prediction.shape))
    true, ours = truth.astype(bool), prediction.astype(bool)
    tp = int(np.count_nonzero(true & ours))
    fp, fn = int(np.count_nonzero(ours)) - tp, int(np.count_nonzero(true)) - tp
    return Confusion(tp, fp, fn, true.size - tp - fp - fn)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
