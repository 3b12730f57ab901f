"""The organs of head and neck and their limits, around what all contours on CT have in common. Imports torch."""

from __future__ import annotations

from models.quantities import Quantity
from pipelines.checks.organs import OrganLimits
from pipelines.one_model import OneModelSynthesis
from pipelines.organs.from_ct import OrgansFromCt, Site
from pipelines.organs.names import HEAD_NECK
from pipelines.organs_head_neck.declaration import DECLARATION, SEGMENTER

LIMITS = OrganLimits(least_confidence=0.7, least_piece=0.8)

SITE = Site(
    "contours of head and neck",
    body_part="HEADNECK",
    body_parts=("HEAD", "HEADNECK", "NECK"),
    organs=HEAD_NECK,
    limits=LIMITS,
)

PIPELINE = OneModelSynthesis(
    OrgansFromCt(DECLARATION, SITE), SEGMENTER, "head and neck", (Quantity.CT_NUMBER,), Quantity.LABEL
)

build, build_gate, organs_head_neck = PIPELINE.build, PIPELINE.build_gate, PIPELINE.around
"""What the declaration names, and the pipeline around a predictor that is ready."""
