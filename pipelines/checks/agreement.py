"""Checks that ask the MR, and not the synthetic CT, where bone, tissue and edges are.

Medians of what a synthetic CT itself calls bone or soft tissue are right wherever it puts them. These look at places
that the MR names. `make broken-cases` writes to docs/broken-cases.md which catches what.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.checks.conclusion import conclude
from pipelines.checks.lattice import Floats, Lattice, Mask
from pipelines.checks.symmetry import mirror_correlations
from pipelines.contract import Check, Verdict
from pipelines.masks.bone import BONE_HU

_DARK = 0.4
"""Share of the signal nearby under which cortical bone, air and voids lie; muscle and grey matter lie above."""

_TYPICAL = 0.7
"""Share of the signal nearby from which on a voxel is soft tissue, fat or marrow, and neither cortical bone nor air."""

_CORTICAL_HU = 700.0
"""Marrow and spongy bone, bright in the MR, stay below."""

_RIM_MM = (3.0, 9.0)
"""Depth of the skull under the skin. Less deep lie dark hair and skin, deeper the cerebrospinal fluid, dark too."""

_RIM_FROM = 0.5
"""Share of the body's height below which no rim is looked for: jaw, sinuses and neck have other dark tissue there."""

_SOFT_HU = (-200.0, 250.0)
"""Fat to enhanced soft tissue, the model's noise included."""

_EDGE_HU = (-300.0, 1000.0)
_EDGE_DEPTH_MM = 9.0
"""The skin is an edge in any image of the body, so it is left out."""

_SHIFT_POINTS = 3
"""About 9 mm: farther than edges are wide."""

_FEWEST = 200
"""Points under which a share says nothing."""


@dataclass(frozen=True, slots=True)
class SymmetryLimits:
    """How well the left half of a synthetic CT must correlate with the right one.

    Attributes
    ----------
    least
        Least correlation.
    lost
        How far under the MR's own it may lie.
    """

    least: float
    lost: float


@dataclass(frozen=True, slots=True)
class AgreementLimits:
    """What a site accepts of a synthetic CT beside its MR; less than any of these is a REVIEW.

    Attributes
    ----------
    bone_dark
        Share of cortical bone that is dark in the MR.
    rim_bone
        Share of the MR's dark rim under the skin that is bone, on the worse side of the body; None where muscle and not
        bone lies under the skin.
    typical_soft
        Share of what has a typical or bright signal in the MR that has HU of soft tissue.
    edges
        How often edges of both agree, divided by the same with the synthetic CT shifted; None where the anatomy runs on
        alike in one direction, so that a shift along it changes little.
    symmetry
        Correlation of the HU with their mirror image; None where the body's two sides are not both in the field.
    """

    bone_dark: float
    rim_bone: float | None
    typical_soft: float
    edges: float | None
    symmetry: SymmetryLimits | None


def check_agreement(of: Lattice, limits: AgreementLimits) -> tuple[Check, ...]:
    """Check the synthetic CT against the MR, in a fixed order; what cannot be measured is held too."""
    rim, edges, symmetry = limits.rim_bone, limits.edges, limits.symmetry
    return (
        _at_least("bone-dark-in-mr", dark_in_bone(of), limits.bone_dark),
        *(() if rim is None else (_rim(of, rim),)),
        _at_least("tissue-by-mr", soft_in_typical(of), limits.typical_soft),
        *(() if edges is None else (_edges(of, edges),)),
        *(() if symmetry is None else (_symmetry(of, symmetry),)),
    )


def dark_in_bone(of: Lattice) -> float | None:
    """Return the share of cortical bone in the synthetic CT that is dark in the MR; None with too little bone."""
    return _share(of.mr < _DARK, of.body & (of.hu > _CORTICAL_HU))


def bone_in_dark_rim(of: Lattice, side: Mask) -> float | None:
    """Return the share of the MR's dark rim under the skin that is bone; None with too small a rim."""
    low, high = _RIM_MM
    rim = side & (of.mr < _DARK) & (of.depth > low) & (of.depth < high)
    rim[: int(_RIM_FROM * rim.shape[0])] = False
    return _share(of.hu > BONE_HU, rim)


def soft_in_typical(of: Lattice) -> float | None:
    """Return the share of typical and bright signal under the skin that has the HU of soft tissue."""
    low, high = _SOFT_HU
    return _share((of.hu > low) & (of.hu < high), of.body & (of.mr > _TYPICAL) & (of.depth > _RIM_MM[0]))


def edge_agreement(of: Lattice) -> tuple[float, float]:
    """Return how well edges of both images agree within the body, and the best of it with the synthetic CT shifted.

    Notes
    -----
    The normalised gradient field of Haber and Modersitzki ("Intensity gradient based registration and fusion of
    multi-modal images", 2006): the mean squared cosine between gradients, small ones counting little; 0 to 1. It asks
    where edges are and not which side is brighter, so it holds for any contrast.
    """
    inner = of.depth > _EDGE_DEPTH_MM
    if inner.sum() < _FEWEST:
        return 0.0, 0.0
    mr, ct = _directions(of.mr, of, inner), _directions(np.clip(of.hu, *_EDGE_HU), of, inner)
    places = np.nonzero(inner)
    here = _squared_cosine(mr, ct, places, (0, 0, 0))
    shifts = [tuple(sign * _SHIFT_POINTS * (axis == at) for at in range(3)) for axis in range(3) for sign in (-1, 1)]
    return here, max(_squared_cosine(mr, ct, places, shift) for shift in shifts)


def _at_least(name: str, found: float | None, least: float) -> Check:
    return conclude(
        name,
        found is not None and found >= least,
        Verdict.REVIEW,
        found="too little to measure" if found is None else f"{found:.0%}",
        accepted=f"from {least:.0%}",
    )


def _rim(of: Lattice, least: float) -> Check:
    sides = tuple(share for side in _sides(of) if (share := bone_in_dark_rim(of, side)) is not None)
    return _at_least("dark-rim-bone", min(sides) if len(sides) == 2 else None, least)


def _edges(of: Lattice, least: float) -> Check:
    here, shifted = edge_agreement(of)
    ratio = here / shifted if shifted > 0 else 0.0
    return conclude(
        "edges-agree",
        ratio >= least,
        Verdict.REVIEW,
        found=f"{here:.3f}, {shifted:.3f} when shifted ({ratio:.2f} times)",
        accepted=f"from {least:g} times",
    )


def _symmetry(of: Lattice, limits: SymmetryLimits) -> Check:
    of_mr, of_ct = mirror_correlations(of)
    return conclude(
        "left-right-symmetry",
        of_ct >= max(limits.least, of_mr - limits.lost),
        Verdict.REVIEW,
        found=f"{of_ct:.2f}, the MR {of_mr:.2f}",
        accepted=f"from {limits.least:g}, and at most {limits.lost:g} under the MR's",
    )


def _sides(of: Lattice) -> Iterator[Mask]:
    columns = np.arange(of.body.shape[2])
    middle = float(np.median(np.nonzero(of.body)[2])) if of.body.any() else 0.0
    for half in (columns < middle, columns >= middle):
        yield of.body & half


def _share(what: Mask, where: Mask) -> float | None:
    return float(what[where].mean()) if int(where.sum()) >= _FEWEST else None


def _directions(values: Floats, of: Lattice, inner: Mask) -> Floats:
    """Return gradients of length under 1: what is far under the median of the body's is noise and has nearly none."""
    steps = enumerate(reversed(of.spacing))
    gradient = np.array([np.gradient(values, step, axis=axis) for axis, step in steps], dtype=np.float32)
    length = np.sqrt((gradient**2).sum(axis=0))
    edge = max(float(np.median(length[inner])), 1e-6)
    shortened: Floats = gradient / np.sqrt(length**2 + np.float32(edge) ** 2)
    return shortened


def _squared_cosine(mr: Floats, ct: Floats, places: tuple[npt.NDArray[np.intp], ...], shift: tuple[int, ...]) -> float:
    moved = tuple(np.clip(at + by, 0, n - 1) for at, by, n in zip(places, shift, mr.shape[1:], strict=True))
    cosine = sum(one[places] * other[moved] for one, other in zip(mr, ct, strict=True))
    return float(np.mean(cosine**2))
