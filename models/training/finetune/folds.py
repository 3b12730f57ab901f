"""Cross-validation by patient: nobody judges a network that has seen them, in any contrast or under any name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from models.errors import PairsError
from models.pairs import PairFolder
from models.pairs.distinct import check_distinct

LEAST_PATIENTS = 3
"""One to learn from, one to stop by, one to judge."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One division of the pairs; no patient is in two parts of it.

    Attributes
    ----------
    number
        Counted from 0.
    train
        What the network learns from.
    validate
        By what it is decided when to stop: these choose among weights, so they may not judge them.
    test
        By what the result is judged.
    """

    number: int
    train: tuple[PairFolder, ...]
    validate: tuple[PairFolder, ...]
    test: tuple[PairFolder, ...]


def folds_of(pairs: Sequence[PairFolder], count: int, seed: int) -> tuple[Fold, ...]:
    """Divide `pairs` into folds; each pair is in the test part of exactly one.

    Pairs whose ``about.json`` names the same case are one patient and stay together.

    Parameters
    ----------
    count
        Number of folds; as many as there are patients where these are fewer.
    seed
        Chooses who goes where.

    Raises
    ------
    PairsError
        ``pairs-too-few`` with fewer than `LEAST_PATIENTS` patients.
    """
    cases = sorted({pair.case for pair in pairs})
    if len(cases) < LEAST_PATIENTS:
        raise PairsError(
            "pairs-too-few",
            patients=len(cases),
            accepted=f"{LEAST_PATIENTS} patients or more: to learn from, to stop by and to judge",
        )
    count = min(count, len(cases))
    shuffled = [cases[n] for n in np.random.default_rng(seed).permutation(len(cases))]
    part_of = {case: number % count for number, case in enumerate(shuffled)}

    def of(*parts: int) -> tuple[PairFolder, ...]:
        return tuple(pair for pair in pairs if part_of[pair.case] in parts)

    return tuple(
        Fold(
            number,
            train=of(*(part for part in range(count) if part not in (number, (number + 1) % count))),
            validate=of((number + 1) % count),
            test=of(number),
        )
        for number in range(count)
    )


def check_no_leak(pairs: Sequence[PairFolder], known: Collection[str]) -> None:
    """Refuse pairs of which one person is there under two names, or was learnt from before.

    Parameters
    ----------
    known
        Cases that the package to begin from was trained on: no fold could hold them out.

    Raises
    ------
    PairsError
        ``patient-known`` where a case is one of `known`; ``patient-doubled`` where two patients have the same voxels,
        however they are stored.
    InputError
        If a file cannot be read.
    """
    if again := sorted({pair.case for pair in pairs} & set(known)):
        raise PairsError(
            "patient-known",
            cases=len(again),
            found=", ".join(again[:5]),
            remedy="the package has learnt from them, so that nothing could judge it: begin from the package that it "
            "came from, with all pairs, or give other patients",
        )
    check_distinct([(pair.case, (pair.mr, pair.ct)) for pair in pairs])
