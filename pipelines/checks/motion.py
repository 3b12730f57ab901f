"""Whether the patient lay still between the series that a pipeline computes from."""

from __future__ import annotations

from collections.abc import Mapping

from models.gate.motion import Motion, residual_motion
from models.volumes import Volume
from pipelines.checks.conclusion import conclude
from pipelines.contract import Check, Verdict

LARGEST_STILL_MM = 1.5
"""Up to it the series agree: where nothing had moved 0.4 mm were measured on a real head in two contrasts, 0.8 mm on a
smooth phantom."""

LARGEST_MM = 5.0
"""Above it nothing is computed: a voxel of one series shows the next gyrus, or the other side of the skin."""


def check_motion(inputs: Mapping[str, Volume]) -> tuple[Check, ...]:
    """Measure the motion between the first input and each other; nothing to measure of a single one.

    Parameters
    ----------
    inputs
        By name, in one frame of reference, the first one that in whose place outputs stand.

    Returns
    -------
    A check ``residual-motion`` for each further input: REVIEW over 1.5 mm or where nothing could be measured, REJECT
    over 5 mm.
    """
    (first, fixed), *others = inputs.items()
    return tuple(_check(f"{first} and {name}", residual_motion(fixed, moving)) for name, moving in others)


def _check(between: str, motion: Motion | None) -> Check:
    gravity = Verdict.REJECT if motion is not None and motion.largest_mm > LARGEST_MM else Verdict.REVIEW
    return conclude(
        "residual-motion",
        motion is not None and motion.largest_mm <= LARGEST_STILL_MM,
        gravity,
        between=between,
        found="not measurable" if motion is None else _describe(motion),
        accepted=f"at most {LARGEST_STILL_MM:g} mm",
    )


def _describe(motion: Motion) -> str:
    shift = " ".join(f"{round(value, 1) + 0.0:.1f}" for value in motion.shift_mm)  # no -0.0
    return f"up to {motion.largest_mm:.1f} mm (shift {shift} mm, turn {motion.turn_degrees:.1f} degrees)"
