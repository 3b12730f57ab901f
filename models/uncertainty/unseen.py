"""Pairs that can say something of a package: it fits them, and was not trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.errors import Uncalibrated
from models.packages import Card
from models.pairs import PairFolder, read_pairs
from models.reports.cases import check_supported


def unseen_pairs(card: Card, folders: Sequence[Path]) -> list[PairFolder]:
    """Return the pairs of all folders.

    Raises
    ------
    PairsError, InputError
        If a folder holds no pairs, or pairs cannot judge such a package.
    Uncalibrated
        ``cases-known``, if it was trained on one of them.
    """
    check_supported(card)
    pairs = [pair for folder in folders for pair in read_pairs(folder)]
    if known := sorted({pair.case for pair in pairs} & set(card.training.trained_on)):
        raise Uncalibrated(
            "cases-known",
            package=card.name,
            found=", ".join(known[:5]),
            accepted="cases that it was not trained on: on those its errors are too small",
        )
    return pairs
