"""What the rest of the node knows of this pipeline; importing it needs no torch."""

from __future__ import annotations

from pipelines.contract import Declaration, Slot

CT = "ct"
"""The slot of the one series that this pipeline takes."""

GENERATOR = "generator"
"""The role of the one model that this pipeline uses."""

DECLARATION = Declaration(
    name="synthetic-mr-stroke",
    version="1.0.0",
    task="Synthetic FLAIR of the head from one non-contrast CT series",
    slots=(Slot(CT, modality="CT", description="A CT of the whole head without contrast agent, before any treatment"),),
    outputs=("MR",),
    models={GENERATOR: "head-ct-to-flair"},
    factory="pipelines.synthetic_mr_stroke.pipeline:build",
    gate="pipelines.synthetic_mr_stroke.pipeline:build_gate",
)
