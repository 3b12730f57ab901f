"""Organs on a planning CT: where the contours stand, what they are called, and what is held or refused."""

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
from pipelines.contract import ModelIdentity, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError
from pipelines.geometry.target import to_mm
from pipelines.installed import build_gate, declarations
from pipelines.objects.encoding import encode
from pipelines.organs.names import HEAD_NECK
from pipelines.organs_head_neck.declaration import DECLARATION, SEGMENTER
from pipelines.organs_head_neck.pipeline import build, organs_head_neck
from pipelines.phantoms.series import PhantomPatient, ct_series

pytestmark = pytest.mark.slow

HASH = "d" * 64
GRID = Grid(size=(96, 112, 60), spacing=(2.0, 2.0, 3.0), origin=(-95.0, -110.0, 20.0))
LABELS = {organ.name: number for number, organ in enumerate(HEAD_NECK, start=1)}

# Middle and half axes in mm, LPS: +x is the patient's left.
SOLIDS = {
    "Brainstem": ((0, 25, 150), (14, 14, 24)),
    "SpinalCord": ((0, 30, 70), (7, 7, 60)),
    "Parotid_L": ((50, 5, 120), (14, 18, 22)),
    "Parotid_R": ((-50, 5, 120), (14, 18, 22)),
    "Bone_Mandible": ((0, -55, 100), (35, 20, 16)),
    "Larynx": ((0, -30, 55), (14, 14, 18)),
    "Esophagus": ((0, 0, 40), (8, 8, 30)),
}

Spoil = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def within(name: str, points: np.ndarray) -> np.ndarray:
    middle, half = (np.array(part, float) for part in SOLIDS[name])
    inside: np.ndarray = (((points - middle) / half) ** 2).sum(axis=-1) < 1
    return inside


def points_of(grid: Grid) -> np.ndarray:
    k, j, i = np.indices(grid.shape)
    indices = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)
    return to_mm(grid, indices).reshape(*grid.shape, 3)


class Stand:
    """Stands where `models.inference.Predictor` stands, and knows the answer."""

    def __init__(self, spoil: Spoil = lambda labels, sure: (labels, sure)) -> None:
        self.spoil = spoil

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Prediction:
        ((name, source),) = inputs.items()
        values, _ = resample(source, target)
        points = points_of(target)
        labels = np.zeros(target.shape, np.float32)
        for organ, value in LABELS.items():
            labels[within(organ, points) & (labels == 0)] = value
        labels, sure = self.spoil(labels, np.full(target.shape, 0.95, np.float32))
        plan = TilePlan(target.shape, target.shape, target.shape, 0.5, ((0, 0, 0),), 0, 1, 1)
        return Prediction(
            Volume(labels, target), {name: values}, None, plan, "float32", "cpu", "cpu", 0.0, Volume(sure, target)
        )


@pytest.fixture(scope="module")
def package(card: Card) -> ModelPackage:
    content = card.model_dump(mode="json", by_alias=True)
    (ct,) = content["inputs"]
    ct |= {"name": "ct", "modality": "CT", "quantity": "ct-number", "unit": "HU", "contrasts": []}
    ct |= {"normalisation": {"kind": "fixed", "lowest": -300, "highest": 1200, "mean": 30, "deviation": 200}}
    ct |= {"distortion_correction_required": False, "field_strength_tesla": None, "min_field_of_view_mm": 100}
    output = {**content["output"], "modality": "SEG", "quantity": "label", "unit": "label", "labels": LABELS}
    output |= {"lowest": 0, "highest": len(LABELS), "voxel_mm": [3.0, 3.0, 3.0], "outside": 0}
    changed = card.model_copy(
        update={
            "name": "head-neck-organs",
            "body_site": "head and neck",
            "task": card.task.model_copy(update={"kind": "segmentation"}),
            "inputs": (type(card.inputs[0]).model_validate(ct),),
            "output": type(card.output).model_validate(output),
        }
    )
    return ModelPackage(folder=Path("nowhere"), card=changed, sha256=HASH)


@pytest.fixture(scope="module")
def run(package: ModelPackage) -> RunIdentity:
    return RunIdentity(
        pipeline=DECLARATION.name,
        pipeline_version=DECLARATION.version,
        models={SEGMENTER: ModelIdentity.of(package)},
        run_number=1,
        started_at=datetime(2026, 1, 5, 12, 0, tzinfo=UTC),
        station="TEST",
        software_version="0.1.0",
        configuration={},
    )


def planning_ct(**attributes: object) -> list[SourceInstance]:
    points = points_of(GRID)
    x, y, _ = np.moveaxis(points, -1, 0)
    hu = np.where((x / 80) ** 2 + (y / 95) ** 2 < 1, 40.0, -1000.0)
    hu[within("Bone_Mandible", points)] = 900.0
    made = ct_series(Volume(hu.astype(np.float32), GRID), 5, PhantomPatient())
    for dataset in made:
        dataset.BodyPartExamined = "HEADNECK"
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
    return [SourceInstance(one, hashlib.sha256(str(n).encode()).hexdigest()) for n, one in enumerate(made)]


def outcome_of(
    package: ModelPackage, run: RunIdentity, instances: list[SourceInstance], predictor: Stand | None = None
) -> Outcome:
    return organs_head_neck(package, predictor or Stand()).run({"ct": instances}, run, lambda stage, share: None)


def troubles(outcome: Outcome) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in outcome.checks if check.verdict is not Verdict.PASS}


@pytest.fixture(scope="module")
def good(package: ModelPackage, run: RunIdentity) -> Outcome:
    return outcome_of(package, run, planning_ct())


def test_a_sound_ct_gives_a_structure_set_and_a_segmentation_of_every_organ(good: Outcome) -> None:
    assert troubles(good) == {}
    structures, segmentation, *documents = good.objects
    assert [one.Modality for one in documents] == ["SR", "DOC", "OT"]
    assert (structures.Modality, segmentation.Modality) == ("RTSTRUCT", "SEG")
    assert structures.SeriesDescription.startswith("SYNTHETIC")
    names = [item.ROIName for item in structures.StructureSetROISequence]
    assert names == ["External", *LABELS]
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == list(LABELS)
    kinds = {item.RTROIInterpretedType for item in structures.RTROIObservationsSequence}
    assert kinds == {"EXTERNAL", "ORGAN"}
    assert structures.ApprovalStatus == "UNAPPROVED"
    assert good.previews["montage.png"].startswith(b"\x89PNG")


@pytest.mark.hazard("HAZ-03")
def test_contours_stand_on_the_cts_own_images_where_the_organs_are(good: Outcome) -> None:
    structures = good.objects[0]
    sources = {one.dataset.SOPInstanceUID: one.dataset for one in planning_ct()}
    frame = structures.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID
    assert frame == next(iter(sources.values())).FrameOfReferenceUID
    numbers = {item.ROINumber: item.ROIName for item in structures.StructureSetROISequence}
    for item in structures.ROIContourSequence:
        name = numbers[item.ReferencedROINumber]
        points = []
        for contour in item.ContourSequence:
            (image,) = contour.ContourImageSequence
            height = float(sources[image.ReferencedSOPInstanceUID].ImagePositionPatient[2])
            line = np.array([float(value) for value in contour.ContourData]).reshape(-1, 3)
            assert np.allclose(line[:, 2], height)
            points.append(line)
        if name == "External":
            continue
        middle, half = (np.array(part, float) for part in SOLIDS[name])
        found = np.concatenate(points)
        extent = (found.max(axis=0) - found.min(axis=0)) / 2
        clipped = half if name not in {"SpinalCord", "Esophagus"} else half * [1, 1, 0]  # both leave the CT's field
        for axis in range(3 if clipped[2] else 2):
            assert (found.max(axis=0) + found.min(axis=0))[axis] / 2 == pytest.approx(middle[axis], abs=3.5), name
            assert extent[axis] == pytest.approx(half[axis], abs=4.0), name


def test_the_same_run_gives_the_same_bytes(package: ModelPackage, run: RunIdentity, good: Outcome) -> None:
    again = outcome_of(package, run, planning_ct())
    assert [encode(one) for one in again.objects] == [encode(one) for one in good.objects]


def without(name: str) -> Spoil:
    return lambda labels, sure: (np.where(labels == LABELS[name], 0, labels), sure)


def unsure(name: str) -> Spoil:
    return lambda labels, sure: (labels, np.where(labels == LABELS[name], np.float32(0.4), sure))


def in_pieces(labels: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    labels = labels.copy()
    k = np.nonzero((labels == LABELS["Larynx"]).any(axis=(1, 2)))[0]
    labels[k[len(k) // 2]] = np.where(labels[k[len(k) // 2]] == LABELS["Larynx"], 0, labels[k[len(k) // 2]])
    return labels, sure


def tiny(labels: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    where = np.argwhere(labels == LABELS["Bone_Mandible"])
    labels = np.where(labels == LABELS["Bone_Mandible"], 0, labels)
    k, j, i = where[len(where) // 2]
    labels[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2] = LABELS["Bone_Mandible"]
    return labels, sure


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("spoil", "check", "word"),
    [
        (without("Parotid_L"), "organs-found", "Parotid_L"),
        (unsure("Brainstem"), "organ-confidence", "Brainstem"),
        (in_pieces, "organ-pieces", "Larynx"),
        (tiny, "organ-volumes", "Bone_Mandible"),
    ],
)
def test_what_is_broken_is_held_and_named(
    package: ModelPackage, run: RunIdentity, spoil: Spoil, check: str, word: str
) -> None:
    outcome = outcome_of(package, run, planning_ct(), Stand(spoil))
    assert troubles(outcome) == {check: Verdict.REVIEW}
    (found,) = (one for one in outcome.checks if one.name == check)
    assert word in str(found.reason.parameters["found"])


def test_of_an_organ_in_pieces_the_largest_is_contoured(package: ModelPackage, run: RunIdentity) -> None:
    def with_a_speck(labels: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = labels.copy()
        labels[2:4, 4:6, 4:6] = LABELS["Larynx"]
        return labels, sure

    plain = outcome_of(package, run, planning_ct()).objects[0]
    speck = outcome_of(package, run, planning_ct(), Stand(with_a_speck)).objects[0]
    assert plain.ROIContourSequence[6] == speck.ROIContourSequence[6]


@pytest.mark.hazard("HAZ-04")
def test_left_for_right_is_rejected_for_good(package: ModelPackage, run: RunIdentity) -> None:
    left, right = LABELS["Parotid_L"], LABELS["Parotid_R"]

    def swapped(labels: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.select([labels == left, labels == right], [right, left], labels).astype(np.float32), sure

    (check,) = (c for c in outcome_of(package, run, planning_ct(), Stand(swapped)).checks if c.name == "organ-sides")
    assert (check.verdict, check.overridable) == (Verdict.REJECT, False)


def test_a_ct_without_any_organ_gives_the_outline_alone_and_is_held(package: ModelPackage, run: RunIdentity) -> None:
    outcome = outcome_of(package, run, planning_ct(), Stand(lambda labels, sure: (labels * 0, sure)))
    assert troubles(outcome) == {"organs-found": Verdict.REVIEW}
    (structures,) = (one for one in outcome.objects if one.Modality == "RTSTRUCT")
    assert not [one for one in outcome.objects if one.Modality == "SEG"]
    assert [item.ROIName for item in structures.StructureSetROISequence] == ["External"]


def turned(instances: list[SourceInstance]) -> list[SourceInstance]:
    for one in instances:
        one.dataset.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
    return instances


def test_slices_that_are_not_axial_are_refused_before_anything_is_computed(
    package: ModelPackage, run: RunIdentity
) -> None:
    outcome = outcome_of(package, run, turned(planning_ct()))
    assert troubles(outcome)["slices-not-axial"] is Verdict.REJECT
    assert not outcome.objects


def test_another_part_of_the_body_is_refused(package: ModelPackage, run: RunIdentity) -> None:
    outcome = outcome_of(package, run, planning_ct(BodyPartExamined="PELVIS"))
    assert troubles(outcome)["body-part"] is Verdict.REJECT


def test_it_is_installed_and_takes_no_model_of_another_kind(package: ModelPackage, card: Card) -> None:
    declaration = declarations()["organs-head-neck"]
    assert declaration.models == {"segmenter": "head-neck-organs"}
    gate = build_gate(declaration.name, {SEGMENTER: package})
    assert all(check.verdict is Verdict.PASS for check in gate({"ct": planning_ct()}))
    with pytest.raises(PipelineError) as caught:
        build({SEGMENTER: ModelPackage(folder=Path("nowhere"), card=card, sha256=HASH)}, "cpu")
    assert caught.value.reason.code == "model-unfit"
