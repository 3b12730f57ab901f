"""What a card demands of an acquisition and an image without its scanner's header cannot show."""

from __future__ import annotations

from models.gate.finding import Finding, Gravity
from models.packages import InputLimits

NOT_CHECKED = "not-checked"
"""Code of the finding."""


def unverifiable_demands(limits: InputLimits) -> Finding | None:
    """Return what a person must know to hold before a NIfTI file may be computed; None where nothing is left open.

    The pipelines read it from DICOM. NIfTI has no place for it, so that it is neither found nor missing here.
    """
    demands = [f"contrast {' or '.join(limits.contrasts)}"] if limits.contrasts else []
    if limits.age_years_min > 0:
        demands.append(f"age from {limits.age_years_min:g} years")
    if limits.distortion_correction_required:
        demands.append("distortion corrected")
    if limits.field_strength_tesla is not None:
        low, high = limits.field_strength_tesla
        demands.append(f"{low:g} to {high:g} T")
    if not demands:
        return None
    return Finding(NOT_CHECKED, "NIfTI does not say", ", ".join(demands), Gravity.REVIEW, limits.name)
