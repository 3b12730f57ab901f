"""Head CT to a synthetic FLAIR: marked in every image, and refused after contrast agent, treatment or with blood."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from models.inference import Prediction, TilePlan, resample
from models.packages import Card, ModelPackage
from models.volumes import Grid, Volume
from pipelines.checks.acute_ct import LARGEST_DENSE_ML, largest_dense_ml
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.geometry.target import to_mm
from pipelines.installed import declarations
from pipelines.phantoms.series import PhantomPatient, ct_series
from pipelines.reasons import text
from pipelines.synthetic_mr_stroke.declaration import DECLARATION, GENERATOR
from pipelines.synthetic_mr_stroke.pipeline import REMARK, synthetic_mr_stroke

HASH = "d" * 64
GRID = Grid(size=(84, 96, 46), spacing=(2.5, 2.5, 4.0), origin=(-105.0, -118.0, -90.0))


def head(blood_mm: float = 0.0) -> Volume:
    """A made head in HU: scalp, skull, cerebrospinal fluid and brain, a clot of that radius, one side larger."""
    k, j, i = np.indices(GRID.shape)
    x, y, z = to_mm(GRID, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)).T
    x = np.where(x > 0, x * 0.96, x)
    hu = np.full(x.shape, -1000.0)
    for (a, b, c), value in (((78, 98, 88), 30), ((72, 92, 82), 1200), ((64, 84, 74), 10), ((60, 80, 70), 35)):
        hu[(x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2 < 1] = value
    hu[(x - 20) ** 2 + (y + 10) ** 2 + z**2 < blood_mm**2] = 72
    return Volume(hu.reshape(GRID.shape).astype(np.float32), GRID)


class Stand:
    """Stands where `models.inference.Predictor` stands, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        self.calls += 1
        ((name, source),) = inputs.items()
        values, inside = resample(source, target)
        seen = Volume(np.where(inside, values.values, np.float32(-1000)), target)
        signal = np.select([seen.values < -300, seen.values > 400, seen.values < 20], [0, 20, 60], 300)
        plan = TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1)
        made = Volume(signal.astype(np.float32), target)
        return Prediction(made, {name: seen}, None, plan, "float32", "cpu", "cpu", 0.0)


@pytest.fixture(scope="module")
def flair(card: Card) -> ModelPackage:
    content = card.model_dump(mode="json", by_alias=True)
    (ct,) = content["inputs"]
    ct |= {"name": "ct", "modality": "CT", "quantity": "ct-number", "unit": "HU", "contrasts": []}
    ct |= {"normalisation": {"kind": "fixed", "lowest": -1000, "highest": 2000, "mean": 0, "deviation": 500}}
    ct |= {"distortion_correction_required": False, "field_strength_tesla": None, "min_field_of_view_mm": 100}
    output = {**content["output"], "modality": "MR", "quantity": "mr-signal", "unit": "arbitrary"}
    output |= {"lowest": 0, "highest": 4095, "voxel_mm": [2.5, 2.5, 4.0], "outside": 0}
    made = {
        "name": "head-ct-to-flair",
        "inputs": (type(card.inputs[0]).model_validate(ct),),
        "output": type(card.output).model_validate(output),
    }
    return ModelPackage(folder=Path("nowhere"), card=card.model_copy(update=made), sha256=HASH)


def outcome_of(package: ModelPackage, predictor: Stand, blood_mm: float = 0.0, **attributes: str) -> Outcome:
    datasets = ct_series(head(blood_mm), 5, PhantomPatient())
    for dataset in datasets:
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    instances = [SourceInstance(one, hashlib.sha256(str(n).encode()).hexdigest()) for n, one in enumerate(datasets)]
    run = RunIdentity(
        pipeline=DECLARATION.name,
        pipeline_version=DECLARATION.version,
        models={GENERATOR: ModelIdentity.of(package)},
        run_number=1,
        started_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        station="TEST",
        software_version="0.1.0",
    )
    return synthetic_mr_stroke(package, predictor).run({"ct": instances}, run, lambda stage, share: None)


def troubles(outcome: Outcome) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in outcome.checks if check.verdict is not Verdict.PASS}


@pytest.mark.hazard("HAZ-05")
def test_a_flair_is_marked_in_every_image_and_never_passes_without_a_person(flair: ModelPackage) -> None:
    outcome = outcome_of(flair, Stand())
    assert troubles(outcome) == {"flair-simulated": Verdict.REVIEW}
    said = {check.name: text(check.reason) for check in outcome.checks}
    assert "33%" in said["flair-simulated"]
    images = [dataset for dataset in outcome.objects if dataset.Modality == "MR"]
    assert {image.ImageComments for image in images} == {REMARK}
    assert [dataset.Modality for dataset in outcome.objects[len(images) :]] == ["SR", "DOC", "OT"]
    everywhere = np.stack([image.pixel_array for image in images]).min(axis=0) > 0
    assert 30 < everywhere.sum() < 600


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("blood_mm", "attributes", "check"),
    [
        (0.0, {"ContrastBolusAgent": "Iomeprol"}, "contrast-enhanced-ct"),
        (0.0, {"SeriesDescription": "CCT nach Thrombektomie"}, "after-thrombectomy"),
        (0.0, {"StudyDescription": "Head post thrombectomy"}, "after-thrombectomy"),
        (14.0, {}, "haemorrhage-suspected"),
        (0.0, {"BodyPartExamined": "PELVIS"}, "body-part"),
    ],
)
def test_what_must_not_become_a_synthetic_mr_is_refused_by_name(
    flair: ModelPackage, blood_mm: float, attributes: dict[str, str], check: str
) -> None:
    predictor = Stand()
    outcome = outcome_of(flair, predictor, blood_mm, **attributes)
    assert troubles(outcome)[check] is Verdict.REJECT
    assert (outcome.objects, predictor.calls) == ((), 0)
    assert "{" not in text(next(one.reason for one in outcome.checks if one.name == check))


def test_dense_blood_is_measured_within_the_skull_alone() -> None:
    assert largest_dense_ml(head()) == 0.0
    small, large = largest_dense_ml(head(9.0)), largest_dense_ml(head(14.0))
    assert small is not None
    assert large is not None
    assert small < large
    assert large > LARGEST_DENSE_ML
    nothing = Volume(np.full(GRID.shape, 30, np.float32), GRID)
    assert largest_dense_ml(nothing) is None


def test_it_is_installed_and_names_its_model() -> None:
    assert declarations()["synthetic-mr-stroke"].models == {"generator": "head-ct-to-flair"}
