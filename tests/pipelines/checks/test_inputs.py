from __future__ import annotations

import os
from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
import pytest

from models.packages import Card, ModelPackage
from models.quantities import Quantity
from models.volumes import Volume
from pipelines.checks.inputs import check_inputs
from pipelines.contract import Check, SourceInstance, Verdict
from pipelines.phantoms.series import mr_series
from pipelines.reading.reader import read_series
from pipelines.reasons import text


def checked(instances: list[SourceInstance], card: Card) -> dict[str, Check]:
    return {
        check.name: check
        for check in check_inputs({"t1": read_series(instances)}, packaged(card), ("HEAD", "HEADNECK"))
    }


def packaged(card: Card) -> ModelPackage:
    return ModelPackage(folder=Path("nowhere"), card=card, sha256=card.sha256)


def troubles(checks: dict[str, Check]) -> dict[str, Verdict]:
    return {name: check.verdict for name, check in checks.items() if check.verdict is not Verdict.PASS}


def set_all(instances: list[SourceInstance], **values: object) -> None:
    for instance in instances:
        for keyword, value in values.items():
            if value is None:
                del instance.dataset[keyword]
            else:
                setattr(instance.dataset, keyword, value)


def test_a_fit_series_passes_every_check(head_instances: list[SourceInstance], card: Card) -> None:
    assert troubles(checked(head_instances, card)) == {}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("values", "name", "verdict"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR", "DIS2D"]}, "source-origin", Verdict.REJECT),
        ({"SyntheticData": "YES"}, "source-origin", Verdict.REJECT),
        ({"BodyPartExamined": "PROSTATE"}, "body-part", Verdict.REJECT),
        ({"BodyPartExamined": ""}, "body-part", Verdict.REVIEW),
        ({"BodyPartExamined": "UNKNOWN"}, "body-part", Verdict.REVIEW),
        ({"PatientPosition": "HFDL"}, "patient-position", Verdict.REJECT),
        ({"PatientPosition": None}, "patient-position", Verdict.REJECT),
        ({"PatientID": ""}, "patient-attributes", Verdict.REVIEW),
        ({"PatientName": ""}, "patient-attributes", Verdict.REVIEW),
        ({"PatientSex": ""}, "patient-attributes", Verdict.REVIEW),
        ({"PatientBirthDate": ""}, "patient-attributes", Verdict.REVIEW),
        ({"EchoTime": "100", "RepetitionTime": "5000"}, "contrast", Verdict.REJECT),
        ({"EchoTime": None}, "contrast", Verdict.REVIEW),
        ({"ContrastBolusAgent": "gadolinium"}, "contrast-agent", Verdict.REVIEW),
        ({"PatientAge": "003Y"}, "patient-age", Verdict.REVIEW),
        ({"PatientAge": "200M"}, "patient-age", Verdict.REVIEW),
        ({"PatientAge": None, "PatientBirthDate": "20200101"}, "patient-age", Verdict.REVIEW),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"]}, "distortion-correction", Verdict.REVIEW),
        ({"MagneticFieldStrength": "0.3"}, "field-strength", Verdict.REVIEW),
        ({"MagneticFieldStrength": None}, "field-strength", Verdict.REVIEW),
        ({"LossyImageCompression": "01"}, "lossy-compression", Verdict.REVIEW),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_else(
    head_instances: list[SourceInstance], card: Card, values: dict[str, object], name: str, verdict: Verdict
) -> None:
    set_all(head_instances, **values)
    assert troubles(checked(head_instances, card)) == {name: verdict}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("keyword", "text", "named"),
    [
        ("SeriesDescription", "t1_tse_WARP_sag", True),
        ("ProtocolName", "Head SEMAC", True),
        ("MedicalAlerts", "cochlear implant left", True),
        ("SeriesDescription", "t1_mprage_marsupial", False),
    ],
)
def test_a_word_for_metal_is_for_a_person_and_is_not_repeated(
    head_instances: list[SourceInstance], card: Card, keyword: str, text: str, named: bool
) -> None:
    set_all(head_instances, **{keyword: text})
    check = checked(head_instances, card)["implants"]
    assert check.verdict is (Verdict.REVIEW if named else Verdict.PASS)
    assert (keyword in str(check.reason)) is named
    assert text not in str(check.reason)


def test_another_modality_is_refused_and_has_no_mr_contrast(head_instances: list[SourceInstance], card: Card) -> None:
    set_all(head_instances, Modality="CT", RescaleSlope="1", RescaleIntercept="0")
    assert troubles(checked(head_instances, card)) == {"modality": Verdict.REJECT, "contrast": Verdict.REVIEW}


def test_only_signal_of_mr_is_asked_for_a_contrast(head_instances: list[SourceInstance], card: Card) -> None:
    other = card.inputs[0].model_copy(update={"quantity": Quantity.CT_NUMBER, "contrasts": ()})
    found = checked(head_instances, card.model_copy(update={"inputs": (other,)}))
    assert "contrast" in checked(head_instances, card)
    assert "contrast" not in found
    assert "patient-age" in found


@pytest.mark.parametrize(
    "values",
    [
        {"PatientAge": "018Y"},
        {"PatientAge": None, "PatientBirthDate": "19600229"},
        {"MagneticFieldStrength": "15000"},
        {"ImageType": ["ORIGINAL", "PRIMARY", "M", "DIS3D"]},
        {"BodyPartExamined": "head neck"},
        {"BodyPartExamined": "KOPF"},
        {"BodyPartExamined": "SCHAEDEL"},
        {"BodyPartExamined": "TETE"},
        {"BodyPartExamined": "CRANIUM"},
        {"ScanningSequence": "SE", "SequenceVariant": "SK", "RepetitionTime": "600", "InversionTime": None},
    ],
)
def test_what_fits_by_other_words_passes(
    head_instances: list[SourceInstance], card: Card, values: dict[str, object]
) -> None:
    set_all(head_instances, **values)
    assert troubles(checked(head_instances, card)) == {}


@pytest.mark.hazard("HAZ-13")
def test_one_synthetic_slice_among_others_is_enough(head_instances: list[SourceInstance], card: Card) -> None:
    head_instances[9].dataset.SyntheticData = "YES"
    assert troubles(checked(head_instances, card)) == {"source-origin": Verdict.REJECT}


@pytest.mark.hazard("HAZ-07")
def test_the_limits_are_the_cards(head_instances: list[SourceInstance], card: Card) -> None:
    tight = card.inputs[0].model_copy(
        update={"min_slices": 49, "max_slice_mm": 2.0, "min_field_of_view_mm": 195.0, "age_years_min": 70.0}
    )
    found = checked(head_instances, card.model_copy(update={"inputs": (tight,)}))
    assert troubles(found) == {
        "slice-count": Verdict.REJECT,
        "voxel-size": Verdict.REJECT,
        "field-of-view": Verdict.REJECT,
        "patient-age": Verdict.REVIEW,
    }
    assert text(found["slice-count"].reason) == "Slices: 48; accepted: 49 or more."


def of_values(volume: Volume, values: np.ndarray) -> list[SourceInstance]:
    return [SourceInstance(ds, "") for ds in mr_series(Volume(values.astype(np.float32), volume.grid), seed=4)]


@pytest.mark.hazard("HAZ-07")
def test_noise_is_no_head(head_volume: Volume, card: Card) -> None:
    rng = np.random.default_rng(1)
    noise = np.hypot(rng.normal(0, 9, head_volume.values.shape), rng.normal(0, 9, head_volume.values.shape))
    assert checked(of_values(head_volume, noise), card)["body-in-air"].verdict is Verdict.REJECT


@pytest.mark.hazard("HAZ-07")
def test_an_empty_volume_is_no_head(head_volume: Volume, card: Card) -> None:
    checks = checked(of_values(head_volume, np.zeros(head_volume.values.shape)), card)
    assert checks["intensity-varied"].verdict is Verdict.REJECT


@pytest.mark.hazard("HAZ-07")
def test_a_volume_in_which_nothing_stands_out_is_no_head(head_volume: Volume, card: Card) -> None:
    even = np.full(head_volume.values.shape, 500.0)
    even[:, :, 0] = 499.0
    assert checked(of_values(head_volume, even), card)["body-in-air"].verdict is Verdict.REJECT


@pytest.mark.hazard("HAZ-07")
def test_a_brain_without_its_skull_is_refused(head_volume: Volume, card: Card) -> None:
    from pipelines.geometry.target import to_mm

    k, j, i = np.indices(head_volume.grid.shape)
    x, y, z = to_mm(head_volume.grid, np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1).astype(float)).T
    brain = ((x / 63) ** 2 + (y / 79) ** 2 + (z / 77) ** 2 < 1).reshape(head_volume.grid.shape)
    stripped = np.where(brain, head_volume.values, 0)
    assert checked(of_values(head_volume, stripped), card)["whole-head"].verdict is Verdict.REJECT


def real(folder: str) -> list[SourceInstance]:
    data = os.environ.get("SYNTHNODE_TEST_DATA")
    if not data or not (Path(data) / folder).is_dir():
        pytest.skip(f"SYNTHNODE_TEST_DATA names no folder with {folder}")
    return [SourceInstance(pydicom.dcmread(file), "") for file in sorted((Path(data) / folder).glob("*.dcm"))]


@pytest.mark.hazard("HAZ-07")
@pytest.mark.data
def test_the_real_child_is_held_for_age_and_distortion_alone(card: Card) -> None:
    assert troubles(checked(real("mr-head-dicom"), card)) == {
        "patient-age": Verdict.REVIEW,
        "distortion-correction": Verdict.REVIEW,
    }


@pytest.mark.data
@pytest.mark.parametrize("series", ["case0000-t2-sagittal", "case0001-t2-axial-6"])
def test_a_prostate_is_refused_by_body_part_and_field(card: Card, series: str) -> None:
    found = troubles(checked(real(f"mr-prostate-dicom/{series}"), card))
    assert found["body-part"] is Verdict.REJECT
    assert found["field-of-view"] is Verdict.REJECT


@pytest.mark.data
def test_the_real_head_stripped_is_refused_or_held(card: Card) -> None:
    instances = real("mr-head-dicom")
    volume = read_series(instances).volume
    from models.masks.distance import distance_mm
    from pipelines.masks.body import mr_body

    body = mr_body(volume, np.ones(volume.grid.shape, dtype=bool))
    deep = distance_mm(~body, volume.grid.spacing) > 14
    stripped = np.where(deep, volume.values, 0)
    found = checked(of_values(volume, stripped), card)["whole-head"]
    assert found.verdict is not Verdict.PASS


@pytest.mark.hazard("HAZ-17")
def test_no_reason_holds_a_patients_name_or_number(head_instances: list[SourceInstance], card: Card) -> None:
    set_all(head_instances, PatientName="SECRET^NAME", PatientID="SECRET-1", PatientSex="")
    said = " ".join(text(check.reason) for check in checked(head_instances, card).values())
    assert "SECRET" not in said


@pytest.mark.parametrize("which", [0, 7, -1])
def test_one_header_without_an_attribute_decides_nothing_and_is_said(
    head_instances: list[SourceInstance], card: Card, which: int
) -> None:
    del head_instances[which].dataset.BodyPartExamined, head_instances[which].dataset.EchoTime
    checks = checked(head_instances, card)
    assert troubles(checks) == {}
    count = len(head_instances)
    assert f"1 of {count} lacks BodyPartExamined" in text(checks["body-part"].reason)
    assert f"1 of {count} lacks EchoTime" in text(checks["contrast"].reason)


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("values", "verdict", "said"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Verdict.PASS, "is a localizer"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, Verdict.REVIEW, "is of another orientation"),
    ],
)
def test_what_lies_beside_the_volume_is_said(
    head_instances: list[SourceInstance], card: Card, values: dict[str, object], verdict: Verdict, said: str
) -> None:
    beside = SourceInstance(deepcopy(head_instances[0].dataset), "e" * 64)
    beside.dataset.SOPInstanceUID = "2.25.99"
    set_all([beside], **values)
    check = checked([beside, *head_instances], card)["series-parts"]
    assert check.verdict is verdict
    assert f"1 of {len(head_instances) + 1} {said}" in text(check.reason)


@pytest.mark.hazard("HAZ-07")
def test_of_several_inputs_each_reason_names_its_own(head_instances: list[SourceInstance], card: Card) -> None:
    (first,) = card.inputs
    source = read_series(head_instances)
    set_all(head_instances, LossyImageCompression="01")
    lossy = read_series(head_instances)
    two = card.model_copy(update={"inputs": (first, first.model_copy(update={"name": "t2"}))})
    checks = check_inputs({"t1": source, "t2": lossy}, packaged(two), ("HEAD",))
    found = [text(check.reason) for check in checks if check.name == "lossy-compression"]
    assert [sentence.split(": ")[0] for sentence in found] == ["Input t1", "Input t2"]
    assert {check.reason.parameters.get("input") for check in checks} <= {"t1", "t2", None}
