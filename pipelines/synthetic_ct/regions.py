"""Regions of a synthetic CT that follow from its masks alone."""

from __future__ import annotations

from pipelines.checks.synthetic_ct import SyntheticCt
from pipelines.objects.codes import BONE, EXTERNAL
from pipelines.objects.rtstruct import Roi
from pipelines.objects.solids import solid


def body_and_bone(ct: SyntheticCt) -> tuple[Roi, ...]:
    """Return the patient's outline, and the bone where there is any: an empty region cannot be contoured."""
    external = Roi(1, "External", solid(ct.body), "EXTERNAL", EXTERNAL, (0, 200, 0))
    bone = (Roi(2, "Bone", ct.bone, "ORGAN", BONE, (255, 220, 120)),) if ct.bone.any() else ()
    return (external, *bone)
