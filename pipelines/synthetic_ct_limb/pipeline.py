"""The limb's limits around what all synthetic CTs have in common. Importing this imports torch."""

from __future__ import annotations

from models.quantities import Quantity
from pipelines.checks.agreement import AgreementLimits
from pipelines.checks.synthetic_ct import SyntheticCtLimits
from pipelines.contract import Verdict
from pipelines.one_model import OneModelSynthesis
from pipelines.synthetic_ct.from_mr import Site, SyntheticCtFromMr
from pipelines.synthetic_ct.regions import body_and_bone
from pipelines.synthetic_ct_limb.declaration import DECLARATION, GENERATOR

# Figures in brackets are those of the true CTs of 24 limbs with a tumour beside their MR, registered by the publisher.
LIMITS = SyntheticCtLimits(
    least_outline_dice=0.93,  # (0.89 to 0.99, one 0.66); what is made from the MR has no registration to lose it by
    worst_outline_dice=0.8,
    largest_outline_mm=20.0,
    largest_cut_cm2=5.0,
    open_sides=(),  # every side that cuts the limb is named: planning needs to know where the patient goes on
    most_empty_slices=0.5,
    soft_tissue_hu=(-70.0, 70.0),  # (-47 to 44): the thicker the fat, the lower
    bone_median_hu=(250.0, 1200.0),  # (294 to 980)
    bone_share=(0.01, 0.2),  # (0.001 to 0.13): a field round a tumour may show no bone, and a person then looks
    agreement=AgreementLimits(
        bone_dark=0.25,  # (0.30 to 0.64 where bone lies on bone, 0.03 to 0.20 where it is some millimetres off)
        rim_bone=None,  # muscle lies under the skin
        typical_soft=0.8,  # (0.83 to 1.00)
        edges=None,  # (0.86 to 1.32): along a limb the edges run on, and 9 mm further they agree as well
        symmetry=None,  # one limb has no mirror, and of two the field seldom shows both
    ),
)

SITE = Site(
    "CT of a limb",
    body_part="EXTREMITY",
    body_parts=("EXTREMITY",),
    limits=LIMITS,
    rois=body_and_bone,
    # The model's own patients were such: bias-corrected and resampled. A person looks at what was done to them.
    derived=Verdict.REVIEW,
)

PIPELINE = OneModelSynthesis(
    SyntheticCtFromMr(DECLARATION, SITE), GENERATOR, "limb", (Quantity.MR_SIGNAL,), Quantity.CT_NUMBER
)

build, build_gate, synthetic_ct_limb = PIPELINE.build, PIPELINE.build_gate, PIPELINE.around
"""What the declaration names, and the pipeline around a predictor that is ready."""
