"""What the rest of the node knows of this pipeline; importing it needs no torch."""

from __future__ import annotations

from pipelines.contract import Declaration, Slot

T1 = "t1"
"""The slot of the one series that this pipeline takes."""

GENERATOR = "generator"
"""The role of the one model that this pipeline uses."""

DECLARATION = Declaration(
    name="synthetic-ct-head",
    version="1.0.0",
    task="Synthetic CT of the head from one T1-weighted MR series, with the body and bone contoured",
    slots=(
        Slot(T1, modality="MR", description="A three-dimensional T1-weighted series of the whole head, skin included"),
    ),
    outputs=("CT", "RTSTRUCT", "OT"),
    models={GENERATOR: "head-mr-to-ct"},
    factory="pipelines.synthetic_ct_head.pipeline:build",
    gate="pipelines.synthetic_ct_head.pipeline:build_gate",
)
