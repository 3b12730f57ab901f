"""The one reading of headers on what scanners really write, the same from a data set and from the catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.headers import Header, typed_attributes
from pipelines.headers.acquisition import manufacturer
from pipelines.headers.body_part import body_part
from pipelines.headers.coverage import Extent, extent, is_axial, plane
from pipelines.headers.descriptions import description_words
from pipelines.headers.origin import is_derived, is_localizer
from pipelines.headers.weighting import sequence_type, weighting

read = Header.from_attributes


def test_values_have_the_types_of_the_data_dictionary() -> None:
    view = typed_attributes(
        {
            "Modality": "MR ",
            "EchoTime": "2.52",
            "Rows": 256,
            "InstanceNumber": "7",
            "ScanningSequence": "GR",
            "ImageType": ["ORIGINAL", "PRIMARY"],
            "SeriesDescription": "",
            "FlipAngle": None,
            "RepetitionTime": "fast",
            "ProtocolName": ["a", "b"],
            "NoSuchKeyword": 1,
            "PixelSpacing": ["1", "wide"],
            "RequestAttributesSequence": [{"RequestedProcedureDescription": "Head", "Rows": "x"}, 3],
        }
    )
    assert view == {
        "Modality": "MR",
        "EchoTime": 2.52,
        "Rows": 256,
        "InstanceNumber": 7,
        "ScanningSequence": ["GR"],
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "RequestAttributesSequence": [{"RequestedProcedureDescription": "Head"}],
    }


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"BodyPartExamined": "BRAIN"}, "HEAD"),
        ({"BodyPartExamined": "Schädel"}, "HEAD"),
        ({"BodyPartExamined": "Scha\u0308del"}, "HEAD"),
        ({"BodyPartExamined": "SCHAEDEL"}, "HEAD"),
        ({"BodyPartExamined": "KOPF"}, "HEAD"),
        ({"BodyPartExamined": "TETE"}, "HEAD"),
        ({"BodyPartExamined": "CRANIUM"}, "HEAD"),
        ({"BodyPartExamined": "HEAD_NECK"}, "HEADNECK"),
        ({"BodyPartExamined": "PROSTATE"}, "PELVIS"),
        ({"BodyPartExamined": "PROSTATE", "StudyDescription": "Brain"}, "PELVIS"),
        ({"StudyDescription": "MR-Brain w/o Contrast"}, "HEAD"),
        ({"BodyPartExamined": "UNKNOWN", "SeriesDescription": "t1_head_3d"}, "HEAD"),
        ({"BodyPartExamined": "UNKNOWN", "SeriesDescription": "t1 head 3d"}, "HEAD"),
        ({"StudyDescription": "Head, Neck and Chest"}, None),
        ({}, None),
    ],
)
def test_body_part(attributes: dict[str, Any], expected: str | None) -> None:
    assert body_part(read(attributes)) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # Siemens MPRAGE, GE BRAVO, Philips TFE: each writes another part of the preparation.
        ({"ScanningSequence": ["GR", "IR"], "EchoTime": 2.5, "RepetitionTime": 2000, "InversionTime": 900}, "T1"),
        ({"ScanningSequence": "GR", "EchoTime": 3.2, "RepetitionTime": 8.2, "InversionTime": 450}, "T1"),
        ({"ScanningSequence": "GR", "SequenceVariant": "MP", "EchoTime": 3.7, "RepetitionTime": 8.1}, "T1"),
        (
            {"ScanningSequence": "GR", "SequenceVariant": "SP", "EchoTime": 4, "RepetitionTime": 25, "FlipAngle": 30},
            "T1",
        ),
        (
            {"ScanningSequence": "GR", "SequenceVariant": "SP", "EchoTime": 4, "RepetitionTime": 25, "FlipAngle": 5},
            "PD",
        ),
        (
            {"ScanningSequence": "GR", "SequenceVariant": "SS", "EchoTime": 2, "RepetitionTime": 5, "FlipAngle": 50},
            None,
        ),
        ({"ScanningSequence": "GR", "EchoTime": 20, "RepetitionTime": 28, "FlipAngle": 15}, "T2*"),
        (
            {"ScanningSequence": "GR", "EchoTime": 4, "RepetitionTime": 22, "FlipAngle": 18, "AngioFlag": "Y"},
            None,
        ),
        ({"ScanningSequence": "SE", "EchoTime": 10, "RepetitionTime": 500}, "T1"),
        ({"ScanningSequence": "SE", "EchoTime": 101, "RepetitionTime": 5590}, "T2"),
        ({"ScanningSequence": "SE", "EchoTime": 20, "RepetitionTime": 3000}, "PD"),
        ({"ScanningSequence": ["SE", "IR"], "EchoTime": 110, "RepetitionTime": 9000, "InversionTime": 2500}, "FLAIR"),
        ({"ScanningSequence": "EP", "EchoTime": 60, "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION"]}, "DIFFUSION"),
        # T1 FLAIR of GE, and a short inversion that nulls fat.
        ({"ScanningSequence": ["SE", "IR"], "EchoTime": 24, "RepetitionTime": 2500, "InversionTime": 920}, "T1"),
        ({"ScanningSequence": ["SE", "IR"], "EchoTime": 30, "RepetitionTime": 4000, "InversionTime": 160}, None),
        # GE's RM: BRAVO by its preparation or its repetition, CUBE by its train, diffusion and the rest by nothing.
        (
            {"ScanningSequence": "RM", "SequenceVariant": "MP", "EchoTime": 3, "RepetitionTime": 7, "FlipAngle": 12},
            "T1",
        ),
        ({"ScanningSequence": "RM", "EchoTime": 3.2, "RepetitionTime": 8.2, "FlipAngle": 12}, "T1"),
        ({"ScanningSequence": "RM", "EchoTime": 90, "RepetitionTime": 2500, "EchoTrainLength": 120}, "T2"),
        ({"ScanningSequence": "RM", "EchoTime": 90, "RepetitionTime": 8000, "FlipAngle": 90}, None),
        # Spoiled echoes at small angles: the Ernst angle is 7 degrees at 8 ms and 4.4 at 3 ms.
        ({"ScanningSequence": "GR", "EchoTime": 3, "RepetitionTime": 8, "FlipAngle": 12}, "T1"),
        ({"ScanningSequence": "GR", "EchoTime": 3, "RepetitionTime": 8, "FlipAngle": 7}, None),
        ({"ScanningSequence": "GR", "EchoTime": 3, "RepetitionTime": 8, "FlipAngle": 2}, "PD"),
        ({"ScanningSequence": "GR", "EchoTime": 1.3, "RepetitionTime": 3, "FlipAngle": 8}, "T1"),
        # Decimal commas.
        (
            {"ScanningSequence": ["GR", "IR"], "EchoTime": "2,52", "RepetitionTime": "1900", "InversionTime": "900"},
            "T1",
        ),
        ({"ScanningSequence": "SE", "RepetitionTime": 500}, None),
        ({"EchoTime": 10, "RepetitionTime": 500}, None),
        ({"Modality": "CT", "ScanningSequence": "SE", "EchoTime": 10, "RepetitionTime": 500}, None),
    ],
)
def test_weighting_follows_from_times_and_not_from_descriptions(
    attributes: dict[str, Any], expected: str | None
) -> None:
    assert weighting(read({"SeriesDescription": "t2 flair", **attributes})) == expected


def test_what_was_computed_from_images_is_derived() -> None:
    assert is_derived(read({"ImageType": ["DERIVED", "SECONDARY"]})) is True
    assert is_derived(read({"ImageType": ["ORIGINAL", "PRIMARY"], "SyntheticData": "YES"})) is True
    assert is_derived(read({"ImageType": ["ORIGINAL", "PRIMARY"]})) is False
    assert is_derived(read({})) is None


def test_localizers_are_known_by_type_or_words() -> None:
    assert is_localizer(read({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]})) is True
    assert is_localizer(read({"SeriesDescription": "3-plane_Loc"})) is True
    assert is_localizer(read({"SeriesDescription": "local anaesthesia"})) is False
    assert is_localizer(read({})) is None


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ([1.0, 0, 0, 0, 1.0, 0], "AXIAL"),
        ([0, 1.0, 0, 0, 0, -1.0], "SAGITTAL"),
        ([1.0, 0, 0, 0, 0.1, -0.995], "CORONAL"),
        ([1.0, 0, 0, 0, 0.7071, -0.7071], "OBLIQUE"),
        ([0, 0, 0, 0, 0, 0], None),
        (None, None),
    ],
)
def test_the_plane_follows_from_the_normal(cosines: list[float] | None, expected: str | None) -> None:
    assert plane(Header.from_attributes({"ImageOrientationPatient": cosines})) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ScanningSequence": "SE"}, "SPIN_ECHO"),
        ({"ScanningSequence": ["GR", "IR"]}, "GRADIENT_ECHO"),
        ({"ScanningSequence": ["SE", "EP"]}, "ECHO_PLANAR"),
        ({"ScanningSequence": "SE", "Modality": "CT"}, None),
        ({}, None),
    ],
)
def test_the_type_of_a_sequence(attributes: dict[str, Any], expected: str | None) -> None:
    assert sequence_type(Header.from_attributes(attributes)) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("SIEMENS", "SIEMENS"),
        ("Siemens Healthineers", "SIEMENS"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("Philips Medical Systems", "PHILIPS"),
        ("TOSHIBA", "CANON"),
        ("Esaote", "ESAOTE"),
        ("", None),
    ],
)
def test_a_manufacturer_has_one_name(written: str, expected: str | None) -> None:
    assert manufacturer(Header.from_attributes({"Manufacturer": written})) == expected


def test_the_words_of_descriptions() -> None:
    header = Header.from_attributes({"SeriesDescription": "t1_mprage-SAG t1", "ProtocolName": "T2* Schädel"})
    assert description_words(header) == ["T1", "MPRAGE", "SAG", "T2*", "SCHÄDEL"]
    assert description_words(Header.from_attributes({})) is None


def _slices(step: float, count: int, **more: Any) -> list[Header]:
    axial = {"ImageOrientationPatient": [1.0, 0, 0, 0, 1.0, 0], **more}
    return [
        Header.from_attributes({**axial, "ImagePositionPatient": [3.0, 4.0, -7 + index * step]})
        for index in range(count)
    ]


def test_how_slices_lie_follows_from_their_positions_in_any_order() -> None:
    slices = _slices(3.0000004, 20)
    assert extent(slices[::-1]) == extent(slices + slices) == Extent(3.0, 60.0)
    assert extent(slices[:1]) is None
    assert extent([*slices, *_slices(1.0, 2, ImageOrientationPatient=[0, 1.0, 0, 0, 0, -1.0])]) is None
    assert extent([*slices, Header.from_attributes({"ImagePositionPatient": ["?"]})]) is None
    assert extent([]) is None


def test_frames_without_positions_lie_as_spacing_between_slices_says() -> None:
    frames = [Header.from_attributes({"SpacingBetweenSlices": 2.5})] * 30
    assert extent(frames) == Extent(2.5, 75.0)
    assert extent([*frames, Header.from_attributes({"SpacingBetweenSlices": 3.0})]) is None


def test_axial_is_judged_from_the_normal() -> None:
    assert is_axial(read({"ImageOrientationPatient": [1, 0, 0, 0, 0.95, -0.31]})) is True
    assert is_axial(read({"ImageOrientationPatient": [0, 1, 0, 0, 0, -1]})) is False
    assert is_axial(read({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]})) is None
    assert is_axial(read({"ImageOrientationPatient": [1e300] * 6})) is None
    assert is_axial(read({})) is None
