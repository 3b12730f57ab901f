"""A pipeline as someone else would ship it: a CT without body mask and structure set, from one or two MR series."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset
from scipy import ndimage

from models.inference import Prediction, TilePlan
from models.packages import ModelPackage
from models.quantities import Quantity
from models.volumes import Grid, Volume
from pipelines.checks.conclusion import conclude
from pipelines.checks.inputs import check_inputs
from pipelines.checks.objects import check_image_series
from pipelines.contract import Check, Declaration, Pipeline, Slot, Verdict
from pipelines.geometry.target import TargetGrid, axial_target, to_index, to_mm
from pipelines.measurements import Measurements
from pipelines.objects.ct import synthetic_ct_series
from pipelines.previews.canvas import Canvas
from pipelines.previews.presenter import Presenter
from pipelines.synthesis import Case, Inputs, SynthesisPipeline, check_model_fits

DECLARATION = Declaration(
    name="plain-ct",
    version="0.1.0",
    task="A CT whose values are a line through the MR's",
    slots=(Slot("t1", "MR", "A head"), Slot("t2", "MR", "A second look at it", required=False)),
    outputs=("CT",),
    models={"line": "toy"},
    factory="plain_ct:build",
)


@dataclass(frozen=True)
class PlainCt:
    declaration: Declaration = DECLARATION

    @property
    def figures(self) -> Mapping[str, str]:
        return {"mae_body": "MAE, HU"}

    def check_inputs(self, inputs: Inputs) -> tuple[Check, ...]:
        return check_inputs(inputs.by_input(), inputs.package, ("HEAD", "NECK"))

    def choose_target(self, case: Case) -> TargetGrid:
        return axial_target(case.reference.volume.grid, case.package.card.output.voxel_mm)

    def make(self, case: Case, prediction: Prediction, target: TargetGrid) -> Volume:
        return prediction.synthetic

    def encode(self, case: Case, made: Volume) -> tuple[Dataset, ...]:
        return synthetic_ct_series(
            made, case.reference, case.run, case.digest, True, prone=False, others=case.others, body_part="HEAD"
        )

    def measure(self, case: Case, made: Volume) -> Measurements:
        return Measurements()

    def check_outputs(
        self, case: Case, made: Volume, target: TargetGrid, objects: Sequence[Dataset]
    ) -> tuple[Check, ...]:
        brightest = float(made.values.max())
        return (
            conclude("bone-hu", brightest > 0, Verdict.REVIEW, found=f"{brightest:.0f} HU", accepted="over 0 HU"),
            *check_image_series(objects, case.reference, made),
        )

    def draw(self, made: Volume, presenter: Presenter) -> bytes:
        return Canvas(64, 48).png()


class Line:
    """Stands where `models.inference.Predictor` stands: HU on a line through the MR's values."""

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        resampled = {name: _resample(volume, target) for name, volume in inputs.items()}
        hu = -1000 + 4 * np.mean([volume.values for volume in resampled.values()], axis=0)
        progress(1.0)
        plan = TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1)
        return Prediction(Volume(hu.astype(np.float32), target), resampled, None, plan, "float32", "cpu", "cpu", 0.0)


def _resample(volume: Volume, target: Grid) -> Volume:
    k, j, i = np.indices(target.shape)
    points = to_mm(target, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float))
    values = ndimage.map_coordinates(volume.values, to_index(volume.grid, points)[:, ::-1].T, order=1)
    return Volume(values.reshape(target.shape).astype(np.float32), target)


def build(packages: Mapping[str, ModelPackage], device: str) -> Pipeline:
    package = packages["line"]
    check_model_fits(package, "head", [Quantity.MR_SIGNAL] * len(package.card.inputs), Quantity.CT_NUMBER)
    return SynthesisPipeline(PlainCt(), "line", package, Line())
