"""What is looked at in a synthetic CT before it may leave, without knowing the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.field import contact_areas
from models.masks.distance import distance_mm
from models.volumes import Grid, Volume
from pipelines.contract import Check, Verdict
from pipelines.geometry.target import TargetGrid
from pipelines.masks.bone import BONE_HU
from pipelines.synthetic_ct_head.judging import judged

Mask = npt.NDArray[np.bool_]

LEAST_OUTLINE_DICE, WORST_OUTLINE_DICE = 0.95, 0.85
"""A made head scanned with slices of 4 mm gave 0.973 with its true CT: partial volume at the skin costs that much."""

LARGEST_OUTLINE_MM = 15.0
"""Above it the two outlines disagree by more than the nostrils and ear lobes where both are uncertain."""

LARGEST_CUT_CM2 = 5.0
"""Body that touches a face of the field other than the lowest over more than this is cut there, not just near it."""

MOST_EMPTY_SLICES = 0.5
SOFT_TISSUE_HU = (-20.0, 80.0)
BONE_MEDIAN_HU = (350.0, 1400.0)
BONE_SHARE = (0.05, 0.35)

_SOFT_HU = (-150.0, 150.0)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A synthetic CT with what it was made from and what was drawn on it; all arrays on one grid.

    Attributes
    ----------
    raw
        As the model gave it, HU.
    hu
        As it will be written, HU: air outside the body.
    body, bone, inside
        Masks of the MR's body, of bone in `hu`, and of what the MR's field covers.
    raw_body
        The body that `raw` shows.
    """

    raw: Volume
    hu: Volume
    body: Mask
    raw_body: Mask
    bone: Mask
    inside: Mask


def image_checks(made: Made, source: Grid, target: TargetGrid, air_hu: float) -> tuple[Check, ...]:
    """Judge what was made, in a fixed order, the checks that pass included.

    Parameters
    ----------
    made
        On the grid that is written.
    source, target
        The MR's grid, and the grid it was computed on.
    air_hu
        What the model's card gives to air outside the body.
    """
    return (
        _outline(made),
        _cut(made, source),
        _empty_ends(made),
        _air(made, air_hu),
        _beyond(made),
        _soft_tissue(made),
        _bone_values(made),
        _bone_volume(made),
        _step(made, target),
    )


def _outline(made: Made) -> Check:
    spacing = made.hu.grid.spacing
    both = int((made.body & made.raw_body).sum())
    dice = 2.0 * both / float(made.body.sum() + made.raw_body.sum())
    largest = max(
        _farthest(made.body & ~made.raw_body, made.raw_body, spacing),
        _farthest(made.raw_body & ~made.body, made.body, spacing),
    )
    gravity = Verdict.REJECT if dice < WORST_OUTLINE_DICE else Verdict.REVIEW
    return judged(
        "body-outline",
        dice >= LEAST_OUTLINE_DICE and largest <= LARGEST_OUTLINE_MM,
        gravity,
        found=f"Dice {dice:.3f}, largest distance {largest:.1f} mm",
        accepted=f"Dice from {LEAST_OUTLINE_DICE}, at most {LARGEST_OUTLINE_MM:g} mm",
    )


def _farthest(part: Mask, reference: Mask, spacing: tuple[float, float, float]) -> float:
    return float(distance_mm(reference, spacing)[part].max()) if part.any() else 0.0


def _cut(made: Made, source: Grid) -> Check:
    areas = contact_areas(source, made.hu.grid, made.body)
    # The neck always leaves through the lowest face.
    cut = {face.side: area for face, area in areas.items() if face.side != "inferior" and area > LARGEST_CUT_CM2}
    return judged(
        "field-of-view-cut",
        not cut,
        Verdict.REVIEW,
        found=", ".join(f"{area:.0f} cm² {side}" for side, area in cut.items()) or "nowhere but below",
        accepted=f"at most {LARGEST_CUT_CM2:g} cm² on any side but below",
    )


def _empty_ends(made: Made) -> Check:
    filled = np.flatnonzero(made.body.any(axis=(1, 2)))
    total = made.body.shape[0]
    empty = total - (int(filled[-1]) - int(filled[0]) + 1)
    return judged(
        "empty-end-slices",
        empty <= MOST_EMPTY_SLICES * total,
        Verdict.REVIEW,
        found=f"{empty} of {total}",
        accepted=f"at most {MOST_EMPTY_SLICES:.0%}",
    )


def _air(made: Made, air_hu: float) -> Check:
    other = int(np.count_nonzero(made.hu.values[~made.body] != air_hu))
    return judged(
        "air-outside",
        other == 0,
        Verdict.REJECT,
        found=f"{other} voxels other than {air_hu:g} HU",
        accepted=f"exactly {air_hu:g} HU everywhere",
    )


def _beyond(made: Made) -> Check:
    share = 1.0 - float(made.inside.mean())
    return judged("outside-the-field", True, Verdict.REVIEW, found=f"{share:.0%}", accepted="any share")


def _soft_tissue(made: Made) -> Check:
    low, high = _SOFT_HU
    values = made.hu.values[made.body]
    soft = values[(values > low) & (values < high)]
    return _median_in("soft-tissue-hu", soft, SOFT_TISSUE_HU)


def _bone_values(made: Made) -> Check:
    return _median_in("bone-hu", made.hu.values[made.bone], BONE_MEDIAN_HU)


def _median_in(name: str, values: npt.NDArray[np.float32], accepted: tuple[float, float]) -> Check:
    low, high = accepted
    median = float(np.median(values)) if values.size else None
    return judged(
        name,
        median is not None and low <= median <= high,
        Verdict.REVIEW,
        found="none of it" if median is None else f"{median:.0f} HU",
        accepted=f"{low:g} to {high:g} HU",
    )


def _bone_volume(made: Made) -> Check:
    low, high = BONE_SHARE
    cc = float(made.bone.sum() * np.prod(made.hu.grid.spacing)) / 1000.0
    share = float(made.bone.sum()) / float(made.body.sum())
    return judged(
        "bone-volume",
        low <= share <= high,
        Verdict.REVIEW,
        found=f"{cc:.0f} cc over {BONE_HU:g} HU, {share:.1%} of the body",
        accepted=f"{low:.0%} to {high:.0%} of the body",
    )


def _step(made: Made, target: TargetGrid) -> Check:
    return judged(
        "slice-step",
        target.slice_stride == 1,
        Verdict.REVIEW,
        found=f"{made.hu.grid.spacing[2]:g} mm",
        accepted=f"{target.grid.spacing[2]:g} mm",
    )
