"""Checks by rule: sampling against the limits on the card, values of an image, a body in air, a head with its skull.

The first wrong thing that makes the others meaningless ends the list: an image of nothing is not measured.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.gate import content
from models.gate.finding import Finding, Gravity, finding
from models.packages import InputLimits
from models.quantities import Quantity
from models.volumes import Grid, Volume

LARGEST_FIELD_MM = 600.0
"""No scanner sees more at once; a longer volume is several, or its spacing is not what it says."""

MOST_NEGATIVE = 0.05
"""Share of voxels below 0 that rounding and interpolation may leave in a magnitude image."""

FULLEST_FIELD = 0.9
"""A body that fills more of the field than this is not a body in air: noise, or a field cut far into the patient."""

LARGEST_CUT_CM2 = 60.0
"""Body that a face other than the lowest may cut: the tip of the nose and the ears, or a centimetre of the vertex."""

SMALLEST_HEAD_CC = 1800.0
"""A head with its skin is larger from the age of two or so; a brain alone is smaller."""

LEAST_SKULL_RISE = 0.05
"""A quarter of what was measured on a real T1-weighted head of a child (0.19); the same head stripped gave 0.00."""

_SLIGHTLY = 0.02


def check_image(volume: Volume, limits: InputLimits, body_site: str) -> tuple[Finding, ...]:
    """Judge a volume by rules, in a fixed order, what passes included.

    Parameters
    ----------
    volume
        As it was read, in any unit and orientation.
    limits
        What the card takes for this input.
    body_site
        The card's; heads are asked for more than others.
    """
    sampling = (_slices(volume.grid, limits), _voxels(volume.grid, limits), _extent(volume.grid, limits))
    values = _values(volume.values, limits)
    if limits.quantity is not Quantity.MR_SIGNAL or not is_image(volume):
        return (*sampling, *values)
    return (*sampling, *values, *_of_content(volume, body_site))


def is_image(volume: Volume) -> bool:
    """Return whether there is anything to look at: finite values that differ, on more than one slice."""
    values = volume.values
    return bool(min(volume.grid.size) > 1 and np.isfinite(values).all() and values.max() > values.min())


def _slices(grid: Grid, limits: InputLimits) -> Finding:
    # Which axis the slices lie along is not kept in an array; the shortest is where they can be too few.
    found = min(grid.size)
    return finding(
        "slice-count",
        found >= limits.min_slices,
        Gravity.REJECT,
        found=str(found),
        accepted=f"{limits.min_slices} or more",
    )


def _voxels(grid: Grid, limits: InputLimits) -> Finding:
    _, in_plane, between = sorted(grid.spacing)
    return finding(
        "voxel-size",
        in_plane <= limits.max_in_plane_mm and between <= limits.max_slice_mm,
        Gravity.REJECT,
        found=" x ".join(f"{step:.2f}" for step in grid.spacing) + " mm",
        accepted=f"up to {limits.max_in_plane_mm:g} mm in plane, {limits.max_slice_mm:g} mm between slices",
    )


def _extent(grid: Grid, limits: InputLimits) -> Finding:
    sides = [count * step for count, step in zip(grid.size, grid.spacing, strict=True)]
    return finding(
        "field-of-view",
        min(sides) >= limits.min_field_of_view_mm and max(sides) <= LARGEST_FIELD_MM,
        Gravity.REJECT,
        found=" x ".join(f"{side:.0f}" for side in sides) + " mm",
        accepted=f"{limits.min_field_of_view_mm:g} to {LARGEST_FIELD_MM:g} mm along each axis",
    )


def _values(values: npt.NDArray[np.float32], limits: InputLimits) -> tuple[Finding, ...]:
    strange = values.size - int(np.isfinite(values).sum())
    finite = finding(
        "intensity-finite",
        strange == 0,
        Gravity.REJECT,
        found=f"{strange} voxels that are no finite number",
        accepted="finite numbers alone",
    )
    if strange:
        return (finite,)
    low, high = float(values.min()), float(values.max())
    varied = finding(
        "intensity-varied",
        high > low,
        Gravity.REJECT,
        found=f"values from {low:g} to {high:g}",
        accepted="an image that shows something",
    )
    if limits.quantity is not Quantity.MR_SIGNAL or high <= low:
        return finite, varied
    # Interpolation rings a little below 0 beside edges; CT and standardised values lie there with whole regions.
    negative = float((values < -_SLIGHTLY * max(abs(low), abs(high))).mean())
    magnitude = finding(
        "magnitude-image",
        negative <= MOST_NEGATIVE,
        Gravity.REJECT,
        found=f"{negative:.0%} of the voxels below 0",
        accepted=f"at most {MOST_NEGATIVE:.0%}, as a scanner's magnitude images have",
    )
    return finite, varied, magnitude


def _of_content(volume: Volume, body_site: str) -> tuple[Finding, ...]:
    try:
        found = content.measure(volume)
    except InputError:
        nothing = "none of the field, since nothing stands out from its background"
        return (Finding("body-in-air", nothing, f"at most {FULLEST_FIELD:.0%} of the field", Gravity.REJECT),)
    in_air = finding(
        "body-in-air",
        found.body_share <= FULLEST_FIELD,
        Gravity.REJECT,
        found=f"{found.body_share:.0%} of the field",
        accepted=f"at most {FULLEST_FIELD:.0%} of the field",
    )
    return (in_air, *_of_head(found)) if body_site == "head" else (in_air,)


def _of_head(found: content.Content) -> tuple[Finding, Finding]:
    # The neck always leaves through the lowest face.
    cut = {side: area for side, area in found.cuts_cm2.items() if side != "inferior" and area > LARGEST_CUT_CM2}
    whole_field = finding(
        "body-cut",
        not cut,
        Gravity.REJECT,
        found=", ".join(f"{area:.0f} cm² {side}" for side, area in cut.items()) or "nowhere but below",
        accepted=f"at most {LARGEST_CUT_CM2:g} cm² on any side but below",
    )
    small, bare = found.body_cc < SMALLEST_HEAD_CC, found.skull_rise < LEAST_SKULL_RISE
    whole_head = finding(
        "whole-head",
        not (small or bare),
        Gravity.REJECT if small and bare else Gravity.REVIEW,
        found=f"{found.body_cc:.0f} cc, dark layer under the scalp {found.skull_rise:.2f}",
        accepted=f"at least {SMALLEST_HEAD_CC:.0f} cc and {LEAST_SKULL_RISE:.2f}",
    )
    return whole_field, whole_head
