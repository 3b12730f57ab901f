"""Checks of organs that a model contoured: found, in one piece, of a volume that can be, sure, and on their side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.volumes import Grid
from pipelines.checks.conclusion import conclude
from pipelines.contract import Check, Verdict
from pipelines.organs.masks import FoundOrgan
from pipelines.organs.names import Organ

_SIDES = ("_L", "_R")


@dataclass(frozen=True, slots=True)
class OrganLimits:
    """From where on a person must look.

    Attributes
    ----------
    least_confidence
        Of the network's mean share within an organ.
    least_piece
        Share of an organ's voxels in its largest piece.
    """

    least_confidence: float
    least_piece: float


def check_organs(
    found: Sequence[FoundOrgan], expected: Sequence[Organ], grid: Grid, limits: OrganLimits
) -> tuple[Check, ...]:
    """Check the organs of one CT.

    Parameters
    ----------
    found, expected
        What was found, and all that the model knows.
    grid
        The CT's, identity direction (LPS).
    limits
        Of a sound result.
    """
    return (
        _check_found(found, expected),
        _check_volumes(found),
        _check_pieces(found, limits),
        _check_confidence(found, limits),
        _check_sides(found, grid),
    )


def _check_found(found: Sequence[FoundOrgan], expected: Sequence[Organ]) -> Check:
    names = {one.organ.name for one in found}
    missing = [organ.name for organ in expected if organ.name not in names]
    words = f"without {', '.join(missing)}" if missing else "all"
    return conclude("organs-found", not missing, Verdict.REVIEW, found=words, accepted="all that the model knows")


def _check_volumes(found: Sequence[FoundOrgan]) -> Check:
    strange = []
    for one in found:
        organ = one.organ
        least = 0.0 if organ.runs_on or one.cut else organ.least_ml
        if not least <= one.ml <= organ.most_ml:
            strange.append(f"{organ.name} {one.ml:.1f} ml, of {organ.least_ml:g} to {organ.most_ml:g}")
    return _all("organ-volumes", strange, "as adults have")


def _check_pieces(found: Sequence[FoundOrgan], limits: OrganLimits) -> Check:
    broken = [f"{one.organ.name} {one.largest_piece:.2f}" for one in found if one.largest_piece < limits.least_piece]
    return _all("organ-pieces", broken, f"{limits.least_piece:g} and more in one piece")


def _check_confidence(found: Sequence[FoundOrgan], limits: OrganLimits) -> Check:
    unsure = [f"{one.organ.name} {one.confidence:.2f}" for one in found if one.confidence < limits.least_confidence]
    return _all("organ-confidence", unsure, f"{limits.least_confidence:g} and more")


def _check_sides(found: Sequence[FoundOrgan], grid: Grid) -> Check:
    """Check that what is called left lies to the patient's left of what is called right: nobody may override it."""
    at = {one.organ.name: _mean_x(one, grid) for one in found}
    left, right = _SIDES
    pairs = [(name, name.removesuffix(left) + right) for name in at if name.endswith(left)]
    swapped = [f"{a} at {at[a]:.0f} mm, {b} at {at[b]:.0f} mm" for a, b in pairs if b in at and at[a] <= at[b]]
    return conclude(
        "organ-sides",
        not swapped,
        Verdict.REJECT,
        overridable=False,
        found="; ".join(swapped) or "left of right",
        accepted="each left organ to the patient's left of the right one",
    )


def _mean_x(one: FoundOrgan, grid: Grid) -> float:
    counts = one.mask.sum(axis=(0, 1))
    return grid.origin[0] + grid.spacing[0] * float(np.average(np.arange(len(counts)), weights=counts))


def _all(name: str, wrong: Sequence[str], accepted: str) -> Check:
    return conclude(name, not wrong, Verdict.REVIEW, found="; ".join(wrong) or f"each {accepted}", accepted=accepted)
