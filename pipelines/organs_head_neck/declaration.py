"""What the rest of the node knows of this pipeline; importing it needs no torch."""

from __future__ import annotations

from pipelines.contract import Declaration, Slot

CT = "ct"
"""The slot of the one series that this pipeline takes."""

SEGMENTER = "segmenter"
"""The role of the one model that this pipeline uses."""

DECLARATION = Declaration(
    name="organs-head-neck",
    version="1.0.0",
    task="Contours of organs at risk in head and neck on one planning CT series",
    slots=(Slot(CT, modality="CT", description="An axial planning CT of head and neck"),),
    outputs=("RTSTRUCT", "SEG"),
    models={SEGMENTER: "head-neck-organs"},
    factory="pipelines.organs_head_neck.pipeline:build",
    gate="pipelines.organs_head_neck.pipeline:build_gate",
)
