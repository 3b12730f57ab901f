"""What the rest of the node knows of this pipeline; importing it needs no torch."""

from __future__ import annotations

from pipelines.contract import Declaration, Option, Slot

CT = "ct"
"""The slot of the one series that this pipeline takes."""

GENERATOR = "generator"
"""The role of the one model that this pipeline uses."""

SLICE_MM = Option(
    "slice_mm",
    "Thickness of the sagittal slices in mm; the nearest whole number of the model's voxels is taken.",
    default="4",
    limits=(1.0, 10.0),
)

DECLARATION = Declaration(
    name="synthetic-mr-spine",
    version="1.0.0",
    task="Synthetic T2-weighted MR of the lumbar spine from one CT series, as sagittal slices",
    slots=(Slot(CT, modality="CT", description="A CT of the lumbar spine in thin slices, without contrast agent"),),
    outputs=("MR",),
    models={GENERATOR: "lumbar-ct-to-t2"},
    factory="pipelines.synthetic_mr_spine.pipeline:build",
    options=(SLICE_MM,),
    gate="pipelines.synthetic_mr_spine.pipeline:build_gate",
)
