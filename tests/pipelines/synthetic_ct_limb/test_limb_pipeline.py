"""A limb's field cuts the body and its headers may say little: a person looks, and nothing is refused for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from models.inference import Prediction
from models.packages import ModelPackage
from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError
from pipelines.geometry.target import to_index, to_mm
from pipelines.phantoms.series import mr_series
from pipelines.reasons import text
from pipelines.synthetic_ct_limb.declaration import DECLARATION, GENERATOR
from pipelines.synthetic_ct_limb.pipeline import build, synthetic_ct_limb

pytestmark = pytest.mark.slow

WHOLE = Grid((64, 64, 30), (3.0, 3.0, 4.0), (-94.5, -94.5, -58.0))
CUT = replace(WHOLE, size=(46, 64, 30))
"""The patient's left side of the leg lies beyond the field."""

Truth = Callable[[np.ndarray], np.ndarray]


def leg_at(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MR signal and HU at LPS points of a thigh along z: fat, muscle with a vessel, a femur with its marrow."""
    x, y, _ = points.T
    signal, hu = np.zeros(len(points)), np.full(len(points), -1000.0)
    for radius, at, bright, density in (
        (80.0, (0.0, 0.0), 300.0, -95.0),
        (66.0, (0.0, 0.0), 140.0, 55.0),
        (12.0, (-30.0, -25.0), 260.0, -90.0),
        (18.0, (8.0, 12.0), 10.0, 1000.0),
        (9.0, (8.0, 12.0), 260.0, -60.0),
    ):
        within = np.hypot(x - at[0], y - at[1]) < radius
        signal[within], hu[within] = bright, density
    return signal, hu


def leg_hu(points: np.ndarray) -> np.ndarray:
    return leg_at(points)[1]


def leg(grid: Grid) -> list[SourceInstance]:
    k, j, i = np.indices(grid.shape)
    signal, _ = leg_at(to_mm(grid, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)))
    rng = np.random.default_rng(7)
    noisy = np.hypot(signal + rng.normal(0, 4, signal.shape), rng.normal(0, 4, signal.shape))
    made = mr_series(Volume(noisy.reshape(grid.shape).astype(np.float32), grid), seed=11)
    for dataset in made:
        dataset.BodyPartExamined = "THIGH"
    return [SourceInstance(dataset, f"{n:064x}") for n, dataset in enumerate(made)]


def changed(instances: list[SourceInstance], lacking: tuple[str, ...] = (), **values: Any) -> list[SourceInstance]:
    for instance in instances:
        for keyword in lacking:
            delattr(instance.dataset, keyword)
        for keyword, value in values.items():
            setattr(instance.dataset, keyword, value)
    return instances


@pytest.fixture(scope="module")
def limb(package: ModelPackage) -> ModelPackage:
    card = package.card
    accepted = {"distortion_correction_required": False, "max_slice_mm": 6.0, "min_slices": 16}
    one = card.inputs[0].model_copy(update={**accepted, "min_field_of_view_mm": 50.0, "age_years_min": 16})
    return replace(
        package, card=card.model_copy(update={"name": "limb-mr-to-ct", "body_site": "limb", "inputs": (one,)})
    )


@pytest.fixture(scope="module")
def compute(limb: ModelPackage, identity: RunIdentity, knowing: Any) -> Callable[[list[SourceInstance]], Outcome]:
    def run(instances: list[SourceInstance], predictor: Any = None) -> Outcome:
        pipeline = synthetic_ct_limb(limb, predictor or knowing(hu_at=leg_hu))
        asked = replace(identity, pipeline=DECLARATION.name, models={GENERATOR: ModelIdentity.of(limb)})
        return pipeline.run({"t1": instances}, asked, lambda stage, share: None)

    return run


def troubles(outcome: Outcome) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in outcome.checks if check.verdict is not Verdict.PASS}


def reason(outcome: Outcome, name: str) -> str:
    (check,) = (check for check in outcome.checks if check.name == name)
    return text(check.reason)


@pytest.mark.hazard("HAZ-06")
def test_a_limb_that_the_field_cuts_is_computed_and_every_side_is_named(compute: Any) -> None:
    whole, cut = compute(leg(WHOLE)), compute(leg(CUT))
    assert troubles(whole) == troubles(cut) == {"field-of-view-cut": Verdict.REVIEW}
    for side in ("inferior", "superior"):
        assert side in reason(whole, "field-of-view-cut")
    assert "left" in reason(cut, "field-of-view-cut")
    assert "left" not in reason(whole, "field-of-view-cut")


def test_body_bone_and_the_field_are_contoured(compute: Any) -> None:
    outcome = compute(leg(CUT))
    structures = outcome.objects[-4]
    assert [dataset.Modality for dataset in outcome.objects[-5:]] == ["CT", "RTSTRUCT", "SR", "DOC", "OT"]
    assert [item.ROIName for item in structures.StructureSetROISequence] == ["External", "Bone", "zSource_Field"]
    assert {dataset.SyntheticData for dataset in outcome.objects} == {"YES"}


def test_headers_without_times_and_images_that_were_resampled_are_for_a_person(compute: Any) -> None:
    times = ("EchoTime", "RepetitionTime", "InversionTime")
    outcome = compute(changed(leg(WHOLE), lacking=times, ImageType=["DERIVED", "PRIMARY", "AXIAL"]))
    assert {"contrast", "source-origin"} <= set(troubles(outcome))
    assert outcome.verdict is Verdict.REVIEW
    assert outcome.objects
    assert "not decided by the sequence's timing" in reason(outcome, "contrast")


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"BodyPartExamined": "HEAD"}, "body-part"),
        ({"SyntheticData": "YES"}, "source-origin"),
        ({"ImageType": ["DERIVED", "PRIMARY"], "SyntheticData": "YES"}, "source-origin"),
    ],
)
def test_another_part_and_synthetic_images_are_not_computed(
    compute: Any, values: Mapping[str, Any], refused: str
) -> None:
    outcome = compute(changed(leg(WHOLE), **values))
    assert troubles(outcome)[refused] is Verdict.REJECT
    assert outcome.objects == ()


def test_bone_that_is_not_where_the_mr_is_dark_is_held(compute: Any, knowing: Any) -> None:
    moved = knowing(hu_at=lambda points: leg_hu(points + np.array([15.0, 0.0, 0.0])))
    found = troubles(compute(leg(WHOLE), moved))
    assert found["bone-dark-in-mr"] is Verdict.REVIEW


def test_a_heads_model_is_refused(package: ModelPackage) -> None:
    with pytest.raises(PipelineError) as caught:
        build({"generator": package}, "cpu")
    assert caught.value.reason.code == "model-unfit"


def test_the_declaration_needs_no_torch() -> None:
    asked = "import sys, pipelines.synthetic_ct_limb.declaration; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


class ByIntensity:
    """Stands in for the network on real images: fat, muscle and air by signal alone."""

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        from models.fov import inside_fov
        from models.inference import TilePlan

        ((name, source),) = inputs.items()
        k, j, i = np.indices(target.shape)
        points = to_mm(target, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float))
        index = to_index(source.grid, points)[:, ::-1].T
        seen = ndimage.map_coordinates(source.values, index, order=1, mode="nearest").reshape(target.shape)
        seen = np.where(inside_fov(source.grid, target), seen, 0).astype(np.float32)
        bright = float(np.percentile(source.values, 95))
        hu = np.select([seen > 0.6 * bright, seen > 0.1 * bright], [-90.0, 50.0], -1000.0).astype(np.float32)
        return Prediction(
            synthetic=Volume(hu, target),
            resampled={name: Volume(seen, target)},
            uncertainty=None,
            precision="float32",
            plan=TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1),
            device="cpu",
            device_class="cpu none",
            seconds=0.0,
        )


@pytest.mark.data
@pytest.mark.parametrize("patient", ["STS_004", "STS_024", "STS_043"])
def test_real_limbs_round_a_tumour_are_computed_and_held(compute: Any, real_data: Path, patient: str) -> None:
    files = sorted((real_data / "limb-dicom" / patient / "MR_T1" / "image").glob("*.dcm"))
    instances = [SourceInstance(pydicom.dcmread(file), f"{n:064x}") for n, file in enumerate(files)]
    outcome = compute(instances, ByIntensity())
    found = troubles(outcome)
    # Their pseudonymiser wrote a StudyID of 20 characters, where 16 are allowed: it is carried and refused by name.
    assert {name for name, one in found.items() if one is Verdict.REJECT} == {"values-in-length"}
    assert {"field-of-view-cut", "contrast", "source-origin"} <= set(found)
    assert [dataset.Modality for dataset in outcome.objects[-5:]] == ["CT", "RTSTRUCT", "SR", "DOC", "OT"]
