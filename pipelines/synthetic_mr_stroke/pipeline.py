"""The head's limits and refusals around what all synthetic MRs have in common. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Mapping

from models.inference import Predictor
from models.packages import ModelPackage
from models.quantities import Quantity
from models.volumes import Volume
from pipelines.checks.acute_ct import check_acute_ct
from pipelines.checks.synthetic_mr import SyntheticMrLimits
from pipelines.contract import Gate, Pipeline, RunIdentity
from pipelines.synthesis import InputGate, SynthesisPipeline, check_model_fits
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


def build(packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
    """Build the pipeline with its one model, the generator, loaded on `device` (``cpu``, ``cuda:0``) and warm.

    Raises
    ------
    PipelineError
        ``model-unfit`` when a rule names a package that makes something else.
    """
    package = _fitting(packages)
    predictor = Predictor(package, device)
    predictor.warm_up()
    return synthetic_mr_stroke(package, predictor)


def build_gate(packages: Mapping[str, ModelPackage]) -> Gate:
    """Build the input gate alone; no network is loaded.

    Raises
    ------
    PipelineError
        As `build`.
    """
    return InputGate(SyntheticMrFromCt(DECLARATION, SITE), _fitting(packages))


def synthetic_mr_stroke(package: ModelPackage, predictor: Predictor) -> Pipeline:
    """Return the pipeline around a predictor that is ready."""
    return SynthesisPipeline(SyntheticMrFromCt(DECLARATION, SITE), GENERATOR, package, predictor)


def _fitting(packages: Mapping[str, ModelPackage]) -> ModelPackage:
    package = packages[GENERATOR]
    check_model_fits(package, "head", [Quantity.CT_NUMBER], Quantity.MR_SIGNAL)
    return package
