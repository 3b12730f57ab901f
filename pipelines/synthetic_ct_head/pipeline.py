"""From a head MR series to a checked synthetic CT with its structure set. Importing this imports torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.errors import DeviceError, InputError, PackageError
from models.field import inside_field
from models.inference import Prediction, Predictor
from models.packages import ModelPackage
from models.volumes import Volume
from pipelines.contract import (
    Declaration,
    Outcome,
    Pipeline,
    Progress,
    RunIdentity,
    SourceInstance,
    Verdict,
)
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.geometry.posture import Posture, posture
from pipelines.geometry.target import TargetGrid, axial_target, thinned
from pipelines.masks.body import ct_body, mr_body
from pipelines.masks.bone import bone_mask
from pipelines.objects.codes import BODY, BONE
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries
from pipelines.semantics import check_objects
from pipelines.synthetic_ct_head.checks import Made, image_checks
from pipelines.synthetic_ct_head.declaration import DECLARATION, GENERATOR, T1
from pipelines.synthetic_ct_head.gate import inspect
from pipelines.synthetic_ct_head.object_checks import image_set_checks, model_check
from pipelines.synthetic_ct_head.presenting import MONTAGE, REPORT, Presenter
from pipelines.synthetic_ct_head.stages import Stages


def build(packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
    """Build the pipeline with its one model, the generator, loaded on `device` (``cpu``, ``cuda:0``) and warm.

    Raises
    ------
    PipelineError
        ``model-unfit`` when a rule names a package that makes something else: its labels would be written as HU.
    """
    package = packages[GENERATOR]
    _refuse_unfit(package)
    predictor = Predictor(package, device)
    predictor.warm_up()
    return SyntheticCtHead(package, predictor)


def _refuse_unfit(package: ModelPackage) -> None:
    card = package.card
    inputs = [one.modality for one in card.inputs]
    if (card.body_site, card.output.modality, inputs) != ("head", "CT", ["MR"]):
        raise PipelineError(
            "model-unfit",
            model=card.name,
            found=f"{'+'.join(inputs)} to {card.output.modality}, {card.body_site}",
            accepted="MR to CT, head",
        )


class SyntheticCtHead:
    """The pipeline `synthetic-ct-head`.

    Parameters
    ----------
    package
        Its card says what is accepted and what comes out.
    predictor
        Runs the package's network; kept warm between runs.
    """

    def __init__(self, package: ModelPackage, predictor: Predictor) -> None:
        self._package = package
        self._predictor = predictor

    @property
    def declaration(self) -> Declaration:
        """What this pipeline is."""
        return DECLARATION

    def run(self, inputs: Mapping[str, Sequence[SourceInstance]], run: RunIdentity, progress: Progress) -> Outcome:
        """Compute the synthetic CT of the series in slot ``t1``.

        Returns
        -------
        The CT series and then its structure set; without objects when a check of the input says REJECT.

        Raises
        ------
        PipelineError
            If the slot is empty, or its series cannot be read as one volume.
        """
        card = self._package.card
        stages = Stages(progress)
        with stages.stage("read"):
            if not inputs.get(T1):
                raise UnreadableSeries("slot-empty", slot=T1)
            source = read_series(inputs[T1])
        with stages.stage("gate"):
            checks = (model_check(self._package, run), *inspect(source, self._package))
        presenter = Presenter(self._package, run, source)
        if Verdict.worst([check.verdict for check in checks]) is Verdict.REJECT:
            return Outcome((), checks, {REPORT: presenter.page(checks, stages.seconds, (), None)}, stages.seconds)
        with stages.stage("infer"):
            target = axial_target(source.volume.grid, card.output.voxel_mm)
            prediction = self._predicted(source.volume, target, stages)
        with stages.stage("contour"):
            made = _made(prediction, source, target, card.output.outside)
            rois = _rois(made)
        with stages.stage("encode"):
            digest = run.digest(inputs)
            images = synthetic_ct_series(
                made.hu, source, run, digest, resampled=True, prone=_is_prone(source), profile=run.profile
            )
            objects = (*images, structure_set(rois, images, made.hu.grid, source, run, digest, run.profile))
        with stages.stage("check"):
            checks += image_checks(made, source.volume.grid, target, card.output.outside)
            checks += image_set_checks(images, source, made.hu)
            checks += check_objects(objects, source)
        with stages.stage("preview"):
            resampled, uncertainty = _seen(prediction, target, made)
            picture = presenter.picture(resampled, made.hu, rois, uncertainty)
        page = presenter.page(checks, stages.seconds, objects, picture)
        return Outcome(objects, checks, {MONTAGE: picture, REPORT: page}, stages.seconds)

    def _predicted(self, volume: Volume, target: TargetGrid, stages: Stages) -> Prediction:
        try:
            return self._predictor.predict({self._package.card.inputs[0].name: volume}, target.grid, stages.within)
        except (InputError, DeviceError, PackageError) as why:
            raise PipelineError(why.code, **why.parameters) from why


def _made(prediction: Prediction, source: SourceSeries, target: TargetGrid, air_hu: float) -> Made:
    """Return the synthetic CT on the grid that is written, with its masks."""
    raw, resampled = (
        thinned(prediction.synthetic, target.slice_stride),
        thinned(_mr(prediction), target.slice_stride),
    )
    inside = inside_field(source.volume.grid, raw.grid)
    body = mr_body(resampled, inside)
    hu = Volume(np.where(body, raw.values, np.float32(air_hu)), raw.grid)
    return Made(raw, hu, body, ct_body(raw, inside), bone_mask(hu, body), inside)


def _seen(prediction: Prediction, target: TargetGrid, made: Made) -> tuple[Volume, Volume | None]:
    """Return the MR and the uncertainty on the grid that is written.

    Outside the body the synthetic CT is air by rule: what the network was unsure of there is not what is written.
    """
    resampled = thinned(_mr(prediction), target.slice_stride)
    if prediction.uncertainty is None:
        return resampled, None
    scale = thinned(prediction.uncertainty, target.slice_stride)
    return resampled, Volume(np.where(made.body, scale.values, np.float32(np.nan)), scale.grid)


def _mr(prediction: Prediction) -> Volume:
    """Return the one image that the network saw."""
    (resampled,) = prediction.resampled.values()
    return resampled


def _rois(made: Made) -> tuple[Roi, ...]:
    external = Roi(1, "External", made.body, "EXTERNAL", BODY, (0, 200, 0))
    # An empty region cannot be contoured; the checks say that there is no bone.
    bone = (Roi(2, "Bone", made.bone, "ORGAN", BONE, (255, 220, 120)),) if made.bone.any() else ()
    return (external, *bone)


def _is_prone(source: SourceSeries) -> bool:
    return posture(str(source.header.PatientPosition)) is Posture.PRONE
