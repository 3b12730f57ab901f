"""The head's limits and refusals around what all synthetic MRs have in common. Importing this imports torch."""

from __future__ import annotations

from models.quantities import Quantity
from models.volumes import Volume
from pipelines.checks.acute_ct import check_acute_ct
from pipelines.checks.synthetic_mr import SyntheticMrLimits
from pipelines.contract import RunIdentity
from pipelines.one_model import OneModelSynthesis
from pipelines.synthetic_mr.from_ct import Site, SyntheticMrFromCt
from pipelines.synthetic_mr_stroke.declaration import DECLARATION, GENERATOR

LIMITS = SyntheticMrLimits(
    # The skull has no signal in FLAIR; partial volume in voxels of 1.5 mm makes some.
    most_bone_signal=0.6,
    least_signal_share=0.9,
    least_compact_bone_ml=20.0,
)

REMARK = (
    "SYNTHETIC FLAIR computed from CT. It shows no more than the CT does: no lesion may be diagnosed or excluded from"
    " it, and no diffusion was measured. Research use only. Not a medical device."
)


def cut_axial(volume: Volume, run: RunIdentity) -> Volume:
    """Return the volume as it is: axial slices in the model's voxel size."""
    return volume


SITE = Site(
    "FLAIR of the head",
    body_part="HEAD",
    body_parts=("HEAD",),
    limits=LIMITS,
    cut=cut_axial,
    corner_mark=("SYNTHETIC",),
    remark=REMARK,
    remark_code="flair-simulated",
    check_source=check_acute_ct,
)

PIPELINE = OneModelSynthesis(
    SyntheticMrFromCt(DECLARATION, SITE), GENERATOR, "head", (Quantity.CT_NUMBER,), Quantity.MR_SIGNAL
)

build, build_gate, synthetic_mr_stroke = PIPELINE.build, PIPELINE.build_gate, PIPELINE.around
"""What the declaration names, and the pipeline around a predictor that is ready."""
