"""Lumbar CT to a sagittal synthetic MR: where it stands, what it says of itself, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from models.inference import Prediction, TilePlan, resample
from models.packages import Card, ModelPackage
from models.volumes import Grid, Volume
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError
from pipelines.geometry.target import to_index, to_mm
from pipelines.installed import build_gate, declarations
from pipelines.objects.corner_mark import with_corner_mark
from pipelines.objects.encoding import encode
from pipelines.phantoms.series import PhantomPatient, ct_series
from pipelines.reading.reader import read_series
from pipelines.reasons import text
from pipelines.synthetic_mr_spine.declaration import DECLARATION, GENERATOR
from pipelines.synthetic_mr_spine.pipeline import REMARK, build, synthetic_mr_spine

HASH = "c" * 64
GRID = Grid(size=(80, 64, 44), spacing=(3.0, 3.0, 3.0), origin=(-121.0, -90.0, 40.0))


def torso(points: np.ndarray) -> np.ndarray:
    """The HU of a made trunk at LPS points (n, 3): fat, muscle, a liver at the right, a spine of bodies and discs."""
    x, y, z = points.T
    hu = np.full(len(points), -1000.0)
    hu[(x / 100) ** 2 + (y / 75) ** 2 < 1] = -90
    hu[(x / 90) ** 2 + (y / 65) ** 2 < 1] = 55
    hu[((x + 45) / 30) ** 2 + ((y + 15) / 30) ** 2 < 1] = 90
    spine = (x / 22) ** 2 + ((y - 25) / 18) ** 2
    disc = np.mod(z, 33.0) < 9
    hu[(spine < 1) & disc] = 80
    hu[(spine < 1) & ~disc] = 200
    hu[(spine < 1) & (spine > 0.6) & ~disc] = 800
    return hu


def signal_of(hu: np.ndarray) -> np.ndarray:
    """What a T2-weighted image might show of these HU."""
    return np.select([hu < -500, hu < 0, hu > 500, hu > 150], [0.0, 600.0, 30.0, 250.0], 180.0)


class Stand:
    """Stands where `models.inference.Predictor` stands, and knows the answer."""

    def __init__(self, spoil: Callable[[np.ndarray], np.ndarray] = lambda signal: signal) -> None:
        self.spoil = spoil

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        ((name, source),) = inputs.items()
        values, inside = resample(source, target)
        seen = Volume(np.where(inside, values.values, np.float32(-1000)), target)
        made = Volume(self.spoil(signal_of(seen.values)).astype(np.float32), target)
        plan = TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1)
        return Prediction(made, {name: seen}, None, plan, "float32", "cpu", "cpu", 0.0)


def spine_card(card: Card) -> Card:
    content = card.model_dump(mode="json", by_alias=True)
    (ct,) = content["inputs"]
    ct |= {"name": "ct", "modality": "CT", "quantity": "ct-number", "unit": "HU", "contrasts": []}
    ct |= {"normalisation": {"kind": "fixed", "lowest": -1000, "highest": 2000, "mean": 0, "deviation": 500}}
    ct |= {"distortion_correction_required": False, "field_strength_tesla": None, "min_field_of_view_mm": 100}
    output = {**content["output"], "modality": "MR", "quantity": "mr-signal", "unit": "arbitrary"}
    output |= {"lowest": 0, "highest": 4095, "voxel_mm": [3.0, 3.0, 3.0], "outside": 0}
    return card.model_copy(
        update={
            "name": "lumbar-ct-to-t2",
            "body_site": "lumbar spine",
            "inputs": (type(card.inputs[0]).model_validate(ct),),
            "output": type(card.output).model_validate(output),
        }
    )


@pytest.fixture(scope="module")
def spine(card: Card) -> ModelPackage:
    return ModelPackage(folder=Path("nowhere"), card=spine_card(card), sha256=HASH)


@pytest.fixture(scope="module")
def run(spine: ModelPackage) -> RunIdentity:
    return RunIdentity(
        pipeline=DECLARATION.name,
        pipeline_version=DECLARATION.version,
        models={GENERATOR: ModelIdentity.of(spine)},
        run_number=1,
        started_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        station="TEST",
        software_version="0.1.0",
        configuration={**DECLARATION.configuration, "slice_mm": "6.0"},
    )


def lumbar_ct(**attributes: object) -> list[SourceInstance]:
    k, j, i = np.indices(GRID.shape)
    points = to_mm(GRID, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float))
    made = ct_series(Volume(torso(points).reshape(GRID.shape).astype(np.float32), GRID), 5, PhantomPatient())
    for dataset in made:
        dataset.BodyPartExamined = "LSPINE"
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    return [SourceInstance(one, hashlib.sha256(str(n).encode()).hexdigest()) for n, one in enumerate(made)]


def outcome_of(
    package: ModelPackage, run: RunIdentity, instances: list[SourceInstance], predictor: Stand | None = None
) -> Outcome:
    return synthetic_mr_spine(package, predictor or Stand()).run({"ct": instances}, run, lambda stage, share: None)


def troubles(outcome: Outcome) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in outcome.checks if check.verdict is not Verdict.PASS}


@pytest.fixture(scope="module")
def good(spine: ModelPackage, run: RunIdentity) -> Outcome:
    return outcome_of(spine, run, lumbar_ct())


def images_of(outcome: Outcome) -> list[Dataset]:
    return [dataset for dataset in outcome.objects if dataset.Modality == "MR"]


@pytest.mark.hazard("HAZ-05")
def test_simulated_discs_are_laid_before_the_person_and_nothing_else_is(good: Outcome) -> None:
    assert troubles(good) == {"disc-signal-simulated": Verdict.REVIEW}
    (check,) = (one for one in good.checks if one.name == "disc-signal-simulated")
    assert "simulated" in text(check.reason)


@pytest.mark.hazard("HAZ-05")
def test_every_image_says_that_it_is_synthetic_and_its_discs_simulated(good: Outcome) -> None:
    assert good.objects
    for image in images_of(good):
        assert (image.Modality, image.SyntheticData) == ("MR", "YES")
        assert image.SeriesDescription.startswith("SYNTHETIC")
        assert image.ImageComments == REMARK
        assert "Disc signal is simulated" in image.ImageComments
    assert good.previews["montage.png"].startswith(b"\x89PNG")


def test_slices_are_sagittal_as_they_are_read_in_the_cts_frame(good: Outcome, run: RunIdentity) -> None:
    source = lumbar_ct()[0].dataset
    for image in images_of(good):
        assert [float(value) for value in image.ImageOrientationPatient] == [0, 1, 0, 0, 0, -1]
        assert image.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert float(image.SliceThickness) == 6.0
    across = [float(image.ImagePositionPatient[0]) for image in images_of(good)]
    assert np.allclose(np.diff(across), -6.0)


@pytest.mark.hazard("HAZ-03")
def test_the_signal_stands_where_its_tissue_is(good: Outcome) -> None:
    volume = read_series([SourceInstance(image, "") for image in images_of(good)]).volume
    slope = float(images_of(good)[0].RealWorldValueMappingSequence[0].RealWorldValueSlope)
    for point, expected in (
        ((0.0, 25.0, 50.0), 250.0),  # the middle of a vertebral body
        ((-80.0, 0.0, 100.0), 180.0),  # muscle at the right
        ((0.0, -70.0, 100.0), 600.0),  # fat in front
        ((0.0, -85.0, 100.0), 0.0),  # air in front
    ):
        i, j, k = np.rint(to_index(volume.grid, np.array([point]))[0]).astype(int)
        assert volume.values[k, j, i] * slope == pytest.approx(expected, rel=0.01), point


def test_the_same_run_gives_the_same_bytes(spine: ModelPackage, run: RunIdentity, good: Outcome) -> None:
    again = outcome_of(spine, run, lumbar_ct())
    assert [encode(one) for one in again.objects] == [encode(one) for one in good.objects]


@pytest.mark.hazard("HAZ-05")
def test_the_mark_is_in_every_image_and_that_is_checked_for_good(good: Outcome) -> None:
    (check,) = (one for one in good.checks if one.name == "corner-mark")
    assert (check.verdict, check.overridable) == (Verdict.PASS, False)
    # The outermost slices show air alone: what no image is without is the mark.
    everywhere = np.stack([image.pixel_array for image in images_of(good)]).min(axis=0) > 0
    assert 60 < everywhere.sum() < 900
    assert everywhere[: everywhere.shape[0] // 3].sum() in (0, everywhere.sum())


def test_the_mark_lies_below_the_image_where_the_body_reaches_every_corner() -> None:
    values = np.full((3, 40, 60), 100, np.float32)
    image = Volume(values, Grid((60, 40, 3), (1, 1, 1), (0, 0, 0)))
    marked, mark = with_corner_mark(image, np.ones(image.grid.shape, bool), ("SYNTHETIC",))
    assert np.array_equal(marked.values[:, :40], values)
    assert marked.grid.origin == image.grid.origin
    assert mark.any(axis=(1, 2)).all()
    assert not mark[:, :40].any()
    narrow = Volume(values[:, :, :20], Grid((20, 40, 3), (1, 1, 1), (0, 0, 0)))
    _, whole = with_corner_mark(narrow, np.ones(narrow.grid.shape, bool), ("SYNTHETIC",))
    assert whole.sum() == with_corner_mark(image, np.ones(image.grid.shape, bool), ("SYNTHETIC",))[1].sum()
    free = np.zeros(image.grid.shape, bool)
    free[:, 20:, :] = True
    marked, mark = with_corner_mark(image, free, ("SYNTHETIC",))
    assert marked.grid == image.grid
    assert mark[:, :20].any()
    assert not (mark & free).any()


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (lambda signal: signal * 0, "signal-in-body"),
        (lambda signal: np.where(signal == 30, 900.0, signal), "bone-dark-in-synthetic-mr"),
    ],
)
def test_broken_answers_are_found(
    spine: ModelPackage, run: RunIdentity, spoil: Callable[[np.ndarray], np.ndarray], check: str
) -> None:
    assert check in troubles(outcome_of(spine, run, lumbar_ct(), Stand(spoil)))


@pytest.mark.hazard("HAZ-04")
def test_a_mirrored_answer_is_rejected_for_good(spine: ModelPackage, run: RunIdentity) -> None:
    class OtherSide(Stand):
        def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
            found = super().predict(inputs, target, progress)
            # The liver as something that T2 would show brightly, on the wrong side.
            bright = np.where(found.resampled["ct"].values == 90, np.float32(900), found.synthetic.values)
            return replace(found, synthetic=Volume(np.ascontiguousarray(bright[..., ::-1]), target))

    rejected = [c for c in outcome_of(spine, run, lumbar_ct(), OtherSide()).checks if c.name == "laterality"]
    assert [(one.verdict, one.overridable) for one in rejected] == [(Verdict.REJECT, False)]


@pytest.mark.parametrize(
    ("attributes", "check", "verdict"),
    [
        ({"BodyPartExamined": "HEAD"}, "body-part", Verdict.REJECT),
        ({"ContrastBolusAgent": "Iopromide"}, "contrast-agent", Verdict.REVIEW),
        ({"Modality": "MR"}, "modality", Verdict.REJECT),
    ],
)
def test_what_its_gate_says(
    spine: ModelPackage, run: RunIdentity, attributes: dict[str, str], check: str, verdict: Verdict
) -> None:
    outcome = outcome_of(spine, run, lumbar_ct(**attributes))
    assert troubles(outcome)[check] is verdict
    assert bool(outcome.objects) is (verdict is Verdict.REVIEW)


def test_a_package_that_makes_something_else_is_refused(package: ModelPackage) -> None:
    with pytest.raises(PipelineError) as caught:
        build({GENERATOR: package}, "cpu")
    assert caught.value.reason.code == "model-unfit"


def test_it_is_installed_and_its_model_is_named_where_it_is_not(spine: ModelPackage) -> None:
    declaration = declarations()["synthetic-mr-spine"]
    assert declaration.models == {"generator": "lumbar-ct-to-t2"}
    gate = build_gate(declaration.name, {GENERATOR: spine})
    assert all(check.verdict is Verdict.PASS for check in gate({"ct": lumbar_ct()}))
