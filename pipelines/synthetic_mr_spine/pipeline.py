"""The lumbar spine's limits and sagittal slices around what all synthetic MRs have in common. Imports torch."""

from __future__ import annotations

from models.quantities import Quantity
from models.volumes import Volume
from pipelines.checks.synthetic_mr import SyntheticMrLimits
from pipelines.contract import RunIdentity
from pipelines.geometry.sagittal import sagittal
from pipelines.one_model import OneModelSynthesis
from pipelines.synthetic_mr.from_ct import Site, SyntheticMrFromCt
from pipelines.synthetic_mr_spine.declaration import DECLARATION, GENERATOR, SLICE_MM

LIMITS = SyntheticMrLimits(
    # In T2 compact bone has a tenth of muscle's signal; partial volume in voxels of 1.5 mm makes half of it.
    most_bone_signal=0.8,
    least_signal_share=0.9,
    least_compact_bone_ml=2.0,
)

REMARK = (
    "SYNTHETIC MR computed from CT. Disc signal is simulated: CT does not show the water of a disc, so neither"
    " degeneration nor its absence can be read from it. Research use only. Not a medical device."
)


def cut_sagittal(volume: Volume, run: RunIdentity) -> Volume:
    """Return the volume as sagittal slices of the thickness that the run asks for."""
    thickness = float(run.configuration.get(SLICE_MM.name, SLICE_MM.default))
    return sagittal(volume, max(1, min(volume.grid.size[0], round(thickness / volume.grid.spacing[0]))))


SITE = Site(
    "MR of the lumbar spine",
    body_part="LSPINE",
    body_parts=("LSPINE", "SPINE", "ABDOMEN"),
    limits=LIMITS,
    cut=cut_sagittal,
    corner_mark=("SYNTHETIC", "DISCS", "SIMULATED"),
    remark=REMARK,
    remark_code="disc-signal-simulated",
)

PIPELINE = OneModelSynthesis(
    SyntheticMrFromCt(DECLARATION, SITE), GENERATOR, "lumbar spine", (Quantity.CT_NUMBER,), Quantity.MR_SIGNAL
)

build, build_gate, synthetic_mr_spine = PIPELINE.build, PIPELINE.build_gate, PIPELINE.around
"""What the declaration names, and the pipeline around a predictor that is ready."""
