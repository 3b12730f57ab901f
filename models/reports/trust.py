"""What a predicted scale is worth on these cases: whether it foretells the error's size, and whether it ranks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.uncertainty.calibration import LEVELS, ReliabilityBin, coverage, reliability
from models.uncertainty.ranking import rank_correlation
from models.uncertainty.samples import TISSUES, Sample

AS_GIVEN = 1.0
"""The prediction has the card's factor in it already; nothing is fitted to the cases that judge it."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of errors inside the interval that should hold `level` of them, a mean over patients.

    By tissue None where there is none.
    """

    level: float
    body: float | None
    tissues: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Trust:
    """The predicted scale against the errors.

    Attributes
    ----------
    images
        How many had a predicted scale.
    spearman
        Rank correlation of scale and absolute error, a mean over images.
    table
        Mean error in tenths of the voxels by rising scale, HU.
    coverage
        At several levels.
    """

    images: int
    spearman: float | None
    table: tuple[ReliabilityBin, ...]
    coverage: tuple[Coverage, ...]


def trust(samples: Sequence[Sample]) -> Trust:
    """Judge the scales as they were given."""
    by_tissue = {tissue: [sample.of_tissue(tissue) for sample in samples] for tissue in TISSUES}
    return Trust(
        images=len(samples),
        spearman=rank_correlation(samples),
        table=reliability(samples, AS_GIVEN),
        coverage=tuple(
            Coverage(
                level,
                _covered(samples, level),
                {tissue: _covered(parts, level) for tissue, parts in by_tissue.items()},
            )
            for level in LEVELS
        ),
    )


def _covered(samples: Sequence[Sample], level: float) -> float | None:
    found = coverage(samples, AS_GIVEN, level)
    return None if found is None else found.mean
