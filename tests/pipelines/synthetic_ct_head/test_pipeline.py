from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any

import highdicom
import numpy as np
import pytest
from enhanced import enhanced_mr
from PIL import Image
from pydicom import Dataset
from pydicom.uid import EnhancedMRImageStorage, ParametricMapStorage

from models.errors import InputError
from models.inference import Prediction
from models.packages import ModelPackage
from models.volumes import Volume
from pipelines.contract import Check, Outcome, RunIdentity, SourceInstance, Verdict
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.geometry.target import axial_target, to_mm
from pipelines.objects.encoding import encode
from pipelines.phantoms.series import mr_series
from pipelines.previews.shades import UNKNOWN
from pipelines.reading.reader import read_series
from pipelines.synthesis import Case
from pipelines.synthetic_ct.from_mr import Site, SyntheticCtFromMr
from pipelines.synthetic_ct.regions import body_and_bone
from pipelines.synthetic_ct_head.declaration import DECLARATION
from pipelines.synthetic_ct_head.pipeline import LIMITS, synthetic_ct_head

pytestmark = pytest.mark.slow

NON_OVERRIDABLE = {"model-hash", "geometry", "laterality", "frame-of-reference", "identity-carried"}


def silent(stage: str, share: float) -> None:
    pass


def troubles(outcome: Outcome) -> dict[str, Verdict]:
    return {check.name: check.verdict for check in outcome.checks if check.verdict is not Verdict.PASS}


def by_name(outcome: Outcome) -> Mapping[str, Check]:
    return {check.name: check for check in outcome.checks}


@pytest.fixture(scope="module")
def good(package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type) -> Outcome:
    instances = [SourceInstance(dataset, f"{n:064x}") for n, dataset in enumerate(mr_series(head_volume, seed=3))]
    return synthetic_ct_head(package, knowing()).run({"t1": instances}, identity, silent)


def images_of(outcome: Outcome) -> list[Dataset]:
    return [dataset for dataset in outcome.objects if dataset.Modality == "CT"]


def structures_of(outcome: Outcome) -> Dataset:
    (structures,) = (dataset for dataset in outcome.objects if dataset.Modality == "RTSTRUCT")
    return structures


def test_a_good_head_passes_every_check(good: Outcome) -> None:
    assert troubles(good) == {}
    assert good.verdict is Verdict.PASS


def test_images_come_before_the_structure_set_and_documents_and_all_are_named_synthetic(good: Outcome) -> None:
    assert [dataset.Modality for dataset in good.objects[-5:]] == ["CT", "RTSTRUCT", "SR", "DOC", "OT"]
    assert {dataset.SyntheticData for dataset in good.objects} == {"YES"}
    assert {dataset.ContentQualification for dataset in good.objects} == {"RESEARCH"}


def test_the_images_show_the_head_where_it_is(good: Outcome, truth_at: Callable[[np.ndarray], np.ndarray]) -> None:
    volume = read_series([SourceInstance(image, "") for image in images_of(good)]).volume
    assert volume.grid.direction == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    k, j, i = (axis.ravel() for axis in np.mgrid[tuple(slice(0, n, 3) for n in volume.grid.shape)])
    truth = truth_at(to_mm(volume.grid, np.stack([i, j, k], axis=1).astype(float)))
    found = volume.values[k, j, i]
    inside = found > -350
    assert np.mean(np.abs(found - truth)[inside] <= 0.5) > 0.97


def test_names_types_and_solids_of_the_regions(good: Outcome) -> None:
    structures = structures_of(good)
    assert [item.ROIName for item in structures.StructureSetROISequence] == ["External", "Bone", "zSource_Field"]
    assert [item.RTROIInterpretedType for item in structures.RTROIObservationsSequence] == ["EXTERNAL", "ORGAN", ""]
    external = structures.ROIContourSequence[0].ContourSequence
    heights = [float(contour.ContourData[2]) for contour in external]
    assert len(heights) > 30


def test_the_margin_changes_neither_the_body_nor_its_hu(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    output = package.card.output.model_copy(update={"voxel_mm": (1.5, 1.5, 3.0)})
    finer = replace(package, card=package.card.model_copy(update={"output": output}))
    source = read_series(head_instances)
    synthesis = SyntheticCtFromMr(DECLARATION, Site("", "HEAD", ("HEAD",), LIMITS, body_and_bone))
    target = axial_target(source.volume.grid, output.voxel_mm)
    prediction = knowing().predict({"t1": source.volume}, target.grid, lambda share: None)
    found = []
    for margin_mm in (0.0, 3.0, 7.0, 50.0):
        profile = replace(identity.profile, air_margin_mm=margin_mm, square_matrix=False)
        case = Case({"t1": source}, finer, replace(identity, profile=profile), "")
        ct = synthesis.make(case, prediction, target).ct
        width = (ct.body.shape[1] - target.grid.size[1]) // 2
        assert width >= margin_mm / 1.5
        inner = (slice(None), *(slice(width, length - width) for length in ct.body.shape[1:]))
        for mask in (ct.body, ct.raw_body, ct.bone, ct.inside):
            assert mask.sum() == mask[inner].sum()
        found.append([one[inner] for one in (ct.hu.values, ct.body, ct.raw_body, ct.bone, ct.inside)])
        assert np.all(ct.hu.values[~ct.body] == output.outside)
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


def test_previews_and_stages_are_complete(good: Outcome) -> None:
    assert set(good.previews) == {"montage.png", "report.html"}
    assert good.previews["montage.png"].startswith(b"\x89PNG")
    page = good.previews["report.html"].decode()
    assert "Research use only" in page
    assert list(good.stages) == ["read", "gate", "infer", "contour", "encode", "check", "preview", "report"]
    assert all(seconds >= 0 for seconds in good.stages.values())


def test_no_patient_stands_in_previews_or_reasons(good: Outcome) -> None:
    page = good.previews["report.html"].decode()
    said = page + " ".join(str(check.reason) for check in good.checks)
    assert "PHANTOM-HEAD-1" not in said
    assert "PHANTOM^HEAD" not in said


def test_a_run_repeats_to_the_byte(
    good: Outcome,
    package: ModelPackage,
    identity: RunIdentity,
    head_instances: list[SourceInstance],
    knowing: type,
    walk: Any,
) -> None:
    instances = [replace(instance, sha256=f"{n:064x}") for n, instance in enumerate(head_instances)]
    with walk("one volume computed"):
        again = synthetic_ct_head(package, knowing()).run({"t1": instances[::-1]}, identity, silent)
    assert [encode(dataset) for dataset in again.objects] == [encode(dataset) for dataset in good.objects]
    assert again.previews["montage.png"] == good.previews["montage.png"]


def test_an_enhanced_object_gives_what_its_classic_series_gives(
    good: Outcome, package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type
) -> None:
    source = enhanced_mr(mr_series(head_volume, seed=3))
    outcome = synthetic_ct_head(package, knowing()).run({"t1": [SourceInstance(source, "0" * 64)]}, identity, silent)
    assert troubles(outcome) == {}
    pairs = zip(images_of(good), images_of(outcome), strict=True)
    assert all(one.PixelData == other.PixelData for one, other in pairs)
    image = images_of(outcome)[0]
    assert [item.ReferencedSOPInstanceUID for item in image.SourceImageSequence] == [source.SOPInstanceUID]
    assert image.SourceImageSequence[0].ReferencedSOPClassUID == EnhancedMRImageStorage
    nearest = images_of(outcome)[5].SourceImageSequence[0]
    assert 1 <= nearest.ReferencedFrameNumber <= source.NumberOfFrames


def test_another_run_number_has_other_uids(
    good: Outcome, package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    second = replace(identity, run_number=2)
    other = synthetic_ct_head(package, knowing()).run({"t1": head_instances}, second, silent)
    assert not {ds.SOPInstanceUID for ds in other.objects} & {ds.SOPInstanceUID for ds in good.objects}


def test_progress_rises_to_one_through_all_stages(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    told: list[tuple[str, float]] = []
    synthetic_ct_head(package, knowing()).run({"t1": head_instances}, identity, lambda *news: told.append(news))
    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    within = [share for stage, share in told if stage == "infer"]
    assert len(set(within)) >= 3, "tiles are not told"


def test_a_refused_input_is_not_computed(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    for instance in head_instances:
        instance.dataset.BodyPartExamined = "PROSTATE"
    predictor = knowing()
    outcome = synthetic_ct_head(package, predictor).run({"t1": head_instances}, identity, silent)
    assert predictor.calls == 0
    assert outcome.objects == ()
    assert outcome.verdict is Verdict.REJECT
    assert set(outcome.previews) == {"report.html"}
    assert "PROSTATE" in outcome.previews["report.html"].decode()


def test_a_package_other_than_the_run_names_is_refused_for_good(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    other = replace(identity, models={"generator": replace(identity.models["generator"], sha256="0" * 64)})
    predictor = knowing()
    outcome = synthetic_ct_head(package, predictor).run({"t1": head_instances}, other, silent)
    check = by_name(outcome)["model-hash"]
    assert (check.verdict, check.overridable) == (Verdict.REJECT, False)
    assert predictor.calls == 0


def test_grave_checks_cannot_be_overridden(good: Outcome) -> None:
    checks = by_name(good)
    assert set(checks) >= NON_OVERRIDABLE
    assert not any(checks[name].overridable for name in NON_OVERRIDABLE)


def spoilt(
    how: Callable[[np.ndarray], np.ndarray], package: ModelPackage, identity: RunIdentity, volume: Volume, knowing: type
) -> Outcome:
    instances = [SourceInstance(dataset, f"{n:064x}") for n, dataset in enumerate(mr_series(volume, seed=3))]
    return synthetic_ct_head(package, knowing(how)).run({"t1": instances}, identity, silent)


def test_a_model_that_turns_left_into_right_is_caught_for_good(
    package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type
) -> None:
    outcome = spoilt(lambda hu: hu[:, :, ::-1], package, identity, head_volume, knowing)
    check = by_name(outcome)["laterality"]
    assert (check.verdict, check.overridable) == (Verdict.REJECT, False)


def test_a_model_that_calls_everything_water_is_held(
    package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type
) -> None:
    outcome = spoilt(lambda hu: np.where(hu > -500, 0.0, hu), package, identity, head_volume, knowing)
    assert {"bone-hu", "bone-volume"} <= set(troubles(outcome))
    assert [item.ROIName for item in structures_of(outcome).StructureSetROISequence] == ["External", "zSource_Field"]


def test_air_by_rule_has_no_uncertainty_in_the_montage(
    package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type
) -> None:
    class Unsure(knowing):  # type: ignore[misc,valid-type]
        def predict(self, *arguments: object) -> Prediction:
            found = super().predict(*arguments)
            scale = np.full(found.synthetic.values.shape, 100, np.float32)
            return replace(found, uncertainty=Volume(scale, found.synthetic.grid))

    instances = [SourceInstance(dataset, f"{n:064x}") for n, dataset in enumerate(mr_series(head_volume, seed=3))]
    outcome = synthetic_ct_head(package, Unsure()).run({"t1": instances}, identity, silent)
    picture = np.asarray(Image.open(BytesIO(outcome.previews["montage.png"])).convert("RGB"))
    assert (picture == UNKNOWN).all(axis=2).sum() > 5000


def test_a_model_that_misses_the_neck_is_held(
    package: ModelPackage, identity: RunIdentity, head_volume: Volume, knowing: type
) -> None:
    def without_neck(hu: np.ndarray) -> np.ndarray:
        cut = hu.copy()
        cut[: hu.shape[0] // 3] = -1000.0
        return cut

    assert "body-outline" in troubles(spoilt(without_neck, package, identity, head_volume, knowing))


def test_a_prone_patient_is_written_as_planning_systems_ask(
    package: ModelPackage,
    identity: RunIdentity,
    head_instances: list[SourceInstance],
    knowing: type,
    truth_at: Callable[[np.ndarray], np.ndarray],
) -> None:
    for instance in head_instances:
        instance.dataset.PatientPosition = "HFP"
    outcome = synthetic_ct_head(package, knowing()).run({"t1": head_instances}, identity, silent)
    assert troubles(outcome) == {}
    images = images_of(outcome)
    assert {tuple(float(v) for v in image.ImageOrientationPatient) for image in images} == {(-1, 0, 0, 0, -1, 0)}
    volume = read_series([SourceInstance(image, "") for image in images]).volume
    k, j, i = (axis.ravel() for axis in np.mgrid[tuple(slice(0, n, 4) for n in volume.grid.shape)])
    truth = truth_at(to_mm(volume.grid, np.stack([i, j, k], axis=1).astype(float)))
    found = volume.values[k, j, i]
    assert np.mean(np.abs(found - truth)[found > -350] <= 0.5) > 0.97


def test_an_empty_slot_and_an_unreadable_series_are_errors(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    pipeline = synthetic_ct_head(package, knowing())
    with pytest.raises(UnreadableSeries) as caught:
        pipeline.run({}, identity, silent)
    assert caught.value.reason.code == "slot-empty"
    with pytest.raises(PipelineError) as missing:
        pipeline.run({"t1": head_instances[:10] + head_instances[11:]}, identity, silent)
    assert missing.value.reason.code == "slices-missing"


def test_what_the_model_cannot_take_is_an_error_of_the_pipeline(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    def refuse(hu: np.ndarray) -> np.ndarray:
        raise InputError("intensity-constant", smallest=0.0, largest=0.0)

    with pytest.raises(PipelineError) as caught:
        synthetic_ct_head(package, knowing(refuse)).run({"t1": head_instances}, identity, silent)
    assert caught.value.reason.code == "intensity-constant"
    assert caught.value.reason.parameters == {"smallest": 0.0, "largest": 0.0}


def test_a_series_stays_under_400_slices_and_says_so(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    fine = package.card.output.model_copy(update={"voxel_mm": (6.0, 6.0, 0.6)})
    finer = replace(package, card=package.card.model_copy(update={"output": fine}))
    outcome = synthetic_ct_head(finer, knowing()).run({"t1": head_instances}, identity, silent)
    images = images_of(outcome)
    assert len(images) < 400
    assert float(images[0].SliceThickness) == pytest.approx(1.2)
    assert by_name(outcome)["slice-step"].verdict is Verdict.REVIEW
    assert by_name(outcome)["geometry"].verdict is Verdict.PASS


class Doubting:
    """A knowing predictor that states 25 HU of uncertainty everywhere."""

    def __init__(self, knowing: type) -> None:
        self._knowing = knowing()

    def predict(self, *given: Any) -> Prediction:
        found = self._knowing.predict(*given)
        scale = np.full(found.synthetic.values.shape, 25.0, dtype=np.float32)
        return replace(found, uncertainty=Volume(scale, found.synthetic.grid))


@pytest.mark.hazard("HAZ-03")
def test_the_uncertainty_goes_along_where_there_is_one_and_stands_on_the_images(
    package: ModelPackage, identity: RunIdentity, head_instances: list[SourceInstance], knowing: type
) -> None:
    outcome = synthetic_ct_head(package, Doubting(knowing)).run({"t1": head_instances}, identity, silent)
    assert troubles(outcome) == {}
    *_, structures, uncertainty, _, _, _ = outcome.objects
    assert (structures.Modality, uncertainty.SOPClassUID) == ("RTSTRUCT", ParametricMapStorage)
    assert uncertainty.FrameOfReferenceUID == head_instances[0].dataset.FrameOfReferenceUID
    hu = read_series([SourceInstance(image, "") for image in images_of(outcome)]).volume
    planes = highdicom.Volume(np.zeros(hu.grid.shape), hu.grid.affine[:, [2, 1, 0, 3]], "PATIENT")
    found = highdicom.Image.from_dataset(uncertainty).get_volume(apply_real_world_transform=False)
    stored = found.match_geometry(planes).array
    assert set(np.unique(stored)) == {0, 250}, "25 HU in the body, no value where air is written by rule"
    assert (hu.values[stored == 0] == -1000).all()


def test_the_declaration_loads_without_torch() -> None:
    asked = "import sys, pipelines.synthetic_ct_head.declaration; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0
    assert DECLARATION.outputs == ("CT", "RTSTRUCT", "OT")
