"""What is looked at in a synthetic CT before it may leave, without knowing the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.fov import contact_areas
from models.masks.distance import distance_mm
from models.volumes import Grid, Volume
from pipelines.checks.agreement import AgreementLimits, check_agreement
from pipelines.checks.conclusion import conclude
from pipelines.checks.lattice import thin
from pipelines.checks.signal import SignalLimits, check_signal
from pipelines.checks.slices import check_slice_order
from pipelines.contract import Check, Verdict
from pipelines.geometry.target import TargetGrid
from pipelines.masks.bone import BONE_HU
from pipelines.objects.rtstruct import SOURCE_FIELD_ROI

Mask = npt.NDArray[np.bool_]

_SOFT_HU = (-150.0, 150.0)


@dataclass(frozen=True, slots=True)
class SyntheticCtLimits:
    """What a site accepts of a synthetic CT.

    Attributes
    ----------
    least_outline_dice, worst_outline_dice
        Dice of the synthetic CT's body with the MR's: REVIEW under the first, REJECT under the second.
    largest_outline_mm
        Largest distance between the two outlines.
    largest_cut_cm2
        Body that touches a face of the field over more than this is cut there, not just near it.
    open_sides
        Sides on which the body always leaves the field, as `models.fov` names them, e.g. ``("inferior",)``.
    largest_open_cut_cm2
        What the body may touch on an open side: a neck leaves the field there, and not half a head.
    most_empty_slices
        Share of slices without any body.
    soft_tissue_hu, bone_median_hu
        Lowest and highest median of soft tissue and of bone, HU.
    bone_share
        Lowest and highest share of the body that is bone.
    agreement
        With the MR.
    signal
        Of the MR within the body; None for a part of the body in which nothing could be told by it.
    """

    least_outline_dice: float
    worst_outline_dice: float
    largest_outline_mm: float
    largest_cut_cm2: float
    open_sides: tuple[str, ...]
    most_empty_slices: float
    soft_tissue_hu: tuple[float, float]
    bone_median_hu: tuple[float, float]
    bone_share: tuple[float, float]
    agreement: AgreementLimits
    signal: SignalLimits | None = None
    largest_open_cut_cm2: float = math.inf


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticCt:
    """A synthetic CT with what it was made from and what was drawn on it; all arrays on one grid.

    Attributes
    ----------
    mr
        What it was made from, 0 outside its field.
    raw
        As the model gave it, HU.
    hu
        As it will be written, HU: air outside the body.
    body, bone, inside
        Masks of the MR's body, of bone in `hu`, and of what the MR's field covers.
    raw_body
        The body that `raw` shows.
    """

    mr: Volume
    raw: Volume
    hu: Volume
    body: Mask
    raw_body: Mask
    bone: Mask
    inside: Mask


def check_synthetic_ct(
    made: SyntheticCt, source: Grid, target: TargetGrid, air_hu: float, limits: SyntheticCtLimits
) -> tuple[Check, ...]:
    """Check what was made, in a fixed order, the checks that pass included.

    Parameters
    ----------
    made
        On the grid that is written.
    source, target
        The MR's grid, and the grid it was computed on.
    air_hu
        What the model's card gives to air outside the body.
    limits
        What the site accepts.
    """
    lattice = thin(made.mr, made.hu, made.body)
    return (
        _outline(made, limits),
        _cut(made, source, limits),
        _empty_ends(made, limits),
        _air(made, air_hu),
        _beyond(made),
        _soft_tissue(made, limits),
        _bone_values(made, limits),
        _bone_volume(made, limits),
        _step(made, target),
        _slice_order(made, air_hu),
        *check_agreement(lattice, limits.agreement),
        *(check_signal(lattice, limits.signal) if limits.signal is not None else ()),
    )


def _outline(made: SyntheticCt, limits: SyntheticCtLimits) -> Check:
    spacing = made.hu.grid.spacing
    both = int((made.body & made.raw_body).sum())
    dice = 2.0 * both / float(made.body.sum() + made.raw_body.sum())
    largest = max(
        _farthest(made.body & ~made.raw_body, made.raw_body, spacing),
        _farthest(made.raw_body & ~made.body, made.body, spacing),
    )
    gravity = Verdict.REJECT if dice < limits.worst_outline_dice else Verdict.REVIEW
    return conclude(
        "body-outline",
        dice >= limits.least_outline_dice and largest <= limits.largest_outline_mm,
        gravity,
        found=f"Dice {dice:.3f}, largest distance {largest:.1f} mm",
        accepted=f"Dice from {limits.least_outline_dice}, at most {limits.largest_outline_mm:g} mm",
    )


def _farthest(part: Mask, reference: Mask, spacing: tuple[float, float, float]) -> float:
    return float(distance_mm(reference, spacing)[part].max()) if part.any() else 0.0


def _cut(made: SyntheticCt, source: Grid, limits: SyntheticCtLimits) -> Check:
    areas = {face.side: area for face, area in contact_areas(source, made.hu.grid, made.body).items()}
    most = dict.fromkeys(areas, limits.largest_cut_cm2) | dict.fromkeys(limits.open_sides, limits.largest_open_cut_cm2)
    cut = {side: area for side, area in areas.items() if area > most[side]}
    accepted = f"at most {limits.largest_cut_cm2:g} cm² on any side"
    if limits.open_sides:
        but = " and ".join(limits.open_sides)
        accepted += f" but {but}"
        accepted += f", {limits.largest_open_cut_cm2:g} cm² there" if math.isfinite(limits.largest_open_cut_cm2) else ""
    return conclude(
        "field-of-view-cut",
        not cut,
        Verdict.REVIEW,
        found=", ".join(f"{area:.0f} cm² {side}" for side, area in cut.items()) or "nowhere more than that",
        accepted=accepted,
    )


def _empty_ends(made: SyntheticCt, limits: SyntheticCtLimits) -> Check:
    filled = np.flatnonzero(made.body.any(axis=(1, 2)))
    total = made.body.shape[0]
    empty = total - (int(filled[-1]) - int(filled[0]) + 1)
    return conclude(
        "empty-end-slices",
        empty <= limits.most_empty_slices * total,
        Verdict.REVIEW,
        found=f"{empty} of {total}",
        accepted=f"at most {limits.most_empty_slices:.0%}",
    )


def _air(made: SyntheticCt, air_hu: float) -> Check:
    other = int(np.count_nonzero(made.hu.values[~made.body] != air_hu))
    return conclude(
        "air-outside",
        other == 0,
        Verdict.REJECT,
        found=f"{other} voxels other than {air_hu:g} HU",
        accepted=f"exactly {air_hu:g} HU everywhere",
    )


def _beyond(made: SyntheticCt) -> Check:
    share = 1.0 - float(made.inside.mean())
    return conclude(
        "outside-the-field",
        bool(made.inside.any()),
        Verdict.REJECT,
        found=f"{share:.0%}, the margin included; the MR covers the region {SOURCE_FIELD_ROI}",
        accepted="less than all",
    )


def _soft_tissue(made: SyntheticCt, limits: SyntheticCtLimits) -> Check:
    low, high = _SOFT_HU
    values = made.hu.values[made.body]
    soft = values[(values > low) & (values < high)]
    return _median_in("soft-tissue-hu", soft, limits.soft_tissue_hu)


def _bone_values(made: SyntheticCt, limits: SyntheticCtLimits) -> Check:
    return _median_in("bone-hu", made.hu.values[made.bone], limits.bone_median_hu)


def _median_in(name: str, values: npt.NDArray[np.float32], accepted: tuple[float, float]) -> Check:
    low, high = accepted
    median = float(np.median(values)) if values.size else None
    return conclude(
        name,
        median is not None and low <= median <= high,
        Verdict.REVIEW,
        found="none of it" if median is None else f"{median:.0f} HU",
        accepted=f"{low:g} to {high:g} HU",
    )


def _bone_volume(made: SyntheticCt, limits: SyntheticCtLimits) -> Check:
    low, high = limits.bone_share
    cc = float(made.bone.sum() * np.prod(made.hu.grid.spacing)) / 1000.0
    share = float(made.bone.sum()) / float(made.body.sum())
    return conclude(
        "bone-volume",
        low <= share <= high,
        Verdict.REVIEW,
        found=f"{cc:.0f} cc over {BONE_HU:g} HU, {share:.1%} of the body",
        accepted=f"{low:.0%} to {high:.0%} of the body",
    )


def _step(made: SyntheticCt, target: TargetGrid) -> Check:
    return conclude(
        "slice-step",
        target.slice_stride == 1,
        Verdict.REVIEW,
        found=f"{made.hu.grid.spacing[2]:g} mm",
        accepted=f"{target.grid.spacing[2]:g} mm",
    )


def _slice_order(made: SyntheticCt, air_hu: float) -> Check:
    return check_slice_order("synthetic-slice-order", Volume(made.hu.values - np.float32(air_hu), made.hu.grid))
