from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.volumes import Grid
from pipelines import reasons
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.reader import read_series

SeriesMaker = Callable[..., list[SourceInstance]]

HEADER = {
    "EchoTime": "2.5",
    "EchoNumbers": 1,
    "RepetitionTime": "1900",
    "InversionTime": "900",
    "FlipAngle": "9",
    "AcquisitionNumber": 1,
    "ScanningSequence": ["GR", "IR"],
    "SequenceName": "*tfl3d1",
    "DiffusionBValue": 0.0,
    "TemporalPositionIdentifier": 1,
    "SeriesDescription": "T1",
    "PatientName": "DOE^JANE",
    "PatientBirthDate": "19700101",
}


def with_header(instances: list[SourceInstance]) -> list[SourceInstance]:
    for instance in instances:
        for keyword, value in HEADER.items():
            setattr(instance.dataset, keyword, value)
    return instances


def refusal_of(instances: list[SourceInstance]) -> UnreadableSeries:
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    return caught.value


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("EchoTime", "95", "EchoTime 2.5 in 4, 95 in 4"),
        ("RepetitionTime", "5000", "RepetitionTime 1900 in 4, 5000 in 4"),
        ("InversionTime", "2500", "InversionTime 2500 in 4, 900 in 4"),
        ("InversionTime", None, "4 of 8 lack InversionTime"),
        ("FlipAngle", "26", "FlipAngle 26 in 4, 9 in 4"),
        ("AcquisitionNumber", 2, "AcquisitionNumber 1 in 4, 2 in 4"),
        ("EchoNumbers", 2, "EchoNumbers 1 in 4, 2 in 4"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "P"], "ImageType ORIGINAL\\PRIMARY\\M in 4, ORIGINAL\\PRIMARY\\P in 4"),
        ("DiffusionBValue", 1000.0, "DiffusionBValue 0 in 4, 1000 in 4"),
        ("TemporalPositionIdentifier", 2, "TemporalPositionIdentifier 1 in 4, 2 in 4"),
        ("ContrastBolusAgent", "GD", "4 of 8 lack ContrastBolusAgent"),
        ("SeriesDescription", "T2", "SeriesDescription T1 in 4, T2 in 4"),
    ],
)
@pytest.mark.parametrize("at", [slice(1, None, 2), slice(4, None)], ids=["interleaved", "one after the other"])
def test_two_acquisitions_in_one_series_are_named_with_their_values_and_counts(
    bare_series: SeriesMaker, at: slice, keyword: str, value: Any, said: str
) -> None:
    instances = with_header(bare_series(slices=8))
    for instance in instances[at]:
        if value is None:
            delattr(instance.dataset, keyword)
        else:
            setattr(instance.dataset, keyword, value)
    refusal = refusal_of(instances)
    assert refusal.reason.code == "several-volumes"
    assert refusal.reason.parameters["found"] == said
    assert said in reasons.text(refusal.reason)


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("AcquisitionNumber", range(1, 9)),
        ("TriggerTime", [10.0 * index for index in range(8)]),
        ("EchoTime", [2.5, 2.504, 2.5, 2.496] * 2),
        ("BodyPartExamined", ["HEAD"] * 4 + ["BRAIN"] * 4),
        ("WindowCenter", range(8)),
        ("AcquisitionTime", [f"1200{index:02d}" for index in range(8)]),
    ],
)
def test_what_changes_from_slice_to_slice_of_one_acquisition_is_read(
    bare_series: SeriesMaker, keyword: str, values: Any
) -> None:
    instances = with_header(bare_series(slices=8))
    for instance, value in zip(instances, values, strict=True):
        setattr(instance.dataset, keyword, value)
    assert read_series(instances).volume.grid.size[2] == 8


@pytest.mark.parametrize("keyword", ["EchoTime", "SeriesDescription", "AcquisitionNumber"])
@pytest.mark.parametrize("which", [0, 3, 7])
def test_one_header_that_lost_an_attribute_is_no_other_acquisition(
    bare_series: SeriesMaker, which: int, keyword: str
) -> None:
    instances = with_header(bare_series(slices=8))
    delattr(instances[which].dataset, keyword)
    assert read_series(instances).stated.value(keyword) is not None


@pytest.mark.hazard("HAZ-02", "HAZ-17")
@pytest.mark.parametrize("patient_id", ["", "0000", "P1"])
@pytest.mark.parametrize(("keyword", "other"), [("PatientName", "ROE^RICHARD"), ("PatientBirthDate", "19810203")])
def test_two_persons_in_one_series_are_no_volume_whatever_their_id(
    bare_series: SeriesMaker, patient_id: str, keyword: str, other: str
) -> None:
    instances = with_header(bare_series(slices=8))
    for instance in instances:
        instance.dataset.PatientID = patient_id
    for instance in instances[4:]:
        setattr(instance.dataset, keyword, other)
    refusal = refusal_of(instances)
    assert refusal.reason.code == "series-mixed"
    assert refusal.reason.parameters == {"attribute": keyword, "found": "2 different values"}
    assert other not in str(refusal)


@pytest.mark.parametrize("spelled", ["Doe^Jane", "DOE^JANE^^^", "DOE ^JANE", "", "DOE^JANE=ド^ジェーン"])
def test_one_person_spelled_otherwise_is_one_person(bare_series: SeriesMaker, spelled: str) -> None:
    instances = with_header(bare_series(slices=8))
    for instance in instances[3:5]:
        instance.dataset.SpecificCharacterSet = "ISO_IR 192"
        instance.dataset.PatientName = spelled
    read_series(instances)


def beside(instances: list[SourceInstance], count: int, **changes: Any) -> list[SourceInstance]:
    """`count` more images of the same series, changed."""
    for index, instance in enumerate(instances[:count]):
        instance.dataset.SOPInstanceUID = f"2.25.9.{index}"
        for keyword, value in changes.items():
            setattr(instance.dataset, keyword, value)
    return instances[:count]


LOCALIZER = {
    "ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"],
    "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
    "EchoTime": "5",
    "Rows": 3,
}
CORONAL = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1], "PixelSpacing": [3, 3]}


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("changes", "said"),
    [(LOCALIZER, "3 of 11 are a localizer"), (CORONAL, "3 of 11 are of another orientation")],
    ids=["localizer", "coronal"],
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_localizer_lies_beside_the_volume_wherever_it_came(
    bare_series: SeriesMaker, changes: dict[str, Any], said: str, seed: int
) -> None:
    volume = with_header(bare_series(slices=8))
    everything = [*volume, *beside(with_header(bare_series()), 3, **changes)]
    random.Random(seed).shuffle(everything)
    found = read_series(everything)
    assert found.parts.describe() == said
    assert [one.SOPInstanceUID for one in found.datasets] == [one.dataset.SOPInstanceUID for one in volume]
    assert found.volume.grid == read_series(volume).volume.grid


def test_two_orientations_of_like_size_are_no_volume_and_both_are_named(bare_series: SeriesMaker) -> None:
    refusal = refusal_of([*bare_series(slices=8), *beside(bare_series(slices=5), 5, **CORONAL)])
    assert refusal.reason.code == "series-mixed"
    assert refusal.reason.parameters["found"] == (
        "ImageOrientationPatient 1\\0\\0\\0\\1\\0 in 8, 1\\0\\0\\0\\0\\-1 in 5"
    )


def test_an_image_that_does_not_say_how_it_lies_is_never_set_aside(bare_series: SeriesMaker) -> None:
    instances = bare_series(slices=8)
    del instances[7].dataset.ImageOrientationPatient
    refusal = refusal_of(instances)
    assert refusal.reason.parameters == {"attribute": "ImageOrientationPatient", "instance": "2.25.1.8"}


@pytest.mark.hazard("HAZ-03")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    slices=st.sampled_from([2, 40]),
    spacing=st.floats(0.5, 5.0),
)
def test_cosines_with_three_decimals_are_read_where_they_were(
    bare_series: SeriesMaker, angles: tuple[float, float, float], slices: int, spacing: float
) -> None:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    direction = tuple(tuple(float(one) for one in axis) for axis in axes)
    grid = Grid(size=(4, 3, slices), spacing=(1.0, 1.0, spacing), origin=(-90.0, 20.0, 5.0), direction=direction)
    instances = bare_series(np.zeros((slices, 3, 4), dtype=np.uint16), grid)
    for instance in instances:
        cosines = instance.dataset.ImageOrientationPatient
        instance.dataset.ImageOrientationPatient = [f"{float(one):.3f}" for one in cosines]
        instance.dataset.ImagePositionPatient = [f"{float(p):.3f}" for p in instance.dataset.ImagePositionPatient]
    found = read_series(instances).volume.grid
    read = np.array(found.direction)
    assert np.allclose(read @ read.T, np.eye(3), atol=1e-9)
    assert np.allclose(read, axes, atol=2e-3)
    corner = np.array([3, 2, slices - 1, 1.0])
    assert np.allclose(found.affine @ corner, grid.affine @ corner, atol=0.02)


@pytest.mark.hazard("HAZ-03")
@pytest.mark.parametrize("cosines", [[0.99, 0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.01, 0.0, 0.0, 1.0, 0.0]])
def test_cosines_that_could_be_read_wrongly_are_refused(bare_series: SeriesMaker, cosines: list[float]) -> None:
    instances = bare_series()
    for instance in instances:
        instance.dataset.ImageOrientationPatient = cosines
    assert refusal_of(instances).reason.code == "orientation-invalid"
