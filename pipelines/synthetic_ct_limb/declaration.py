"""What the rest of the node knows of this pipeline; importing it needs no torch."""

from __future__ import annotations

from pipelines.contract import Declaration, Slot

T1 = "t1"
"""The slot of the one series that this pipeline takes."""

GENERATOR = "generator"
"""The role of the one model that this pipeline uses."""

DECLARATION = Declaration(
    name="synthetic-ct-limb",
    version="1.0.0",
    task="Synthetic CT of a limb from one T1-weighted MR series, with the body, the bone and the MR's field contoured",
    slots=(Slot(T1, modality="MR", description="A T1-weighted series of an arm, a leg, the hip or the shoulder"),),
    outputs=("CT", "RTSTRUCT", "OT"),
    models={GENERATOR: "limb-mr-to-ct"},
    factory="pipelines.synthetic_ct_limb.pipeline:build",
    gate="pipelines.synthetic_ct_limb.pipeline:build_gate",
)
