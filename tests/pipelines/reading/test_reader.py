from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import Dataset
from pydicom.uid import (
    EnhancedMRImageStorage,
)
from scipy.spatial.transform import Rotation

from models.volumes import Grid
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.reader import read_series


def code_of(instances: list[SourceInstance]) -> str:
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    return caught.value.reason.code


@st.composite
def oblique_grids(draw: st.DrawFn) -> Grid:
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    spacing = draw(st.tuples(*[st.floats(0.3, 6.0)] * 3))
    origin = draw(st.tuples(*[st.floats(-300, 300)] * 3))
    size = draw(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(2, 7)))
    rows = tuple(tuple(float(v) for v in axis) for axis in axes)
    return Grid(size=size, spacing=spacing, origin=origin, direction=rows)


@pytest.mark.hazard("HAZ-03", "HAZ-04")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid=oblique_grids(), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_any_orientation_and_any_order_gives_the_grid_back(
    bare_series: Callable[..., list[SourceInstance]], grid: Grid, seed: int, data: st.DataObject
) -> None:
    dtype = data.draw(st.sampled_from([np.uint16, np.int16, np.uint8]))
    values = data.draw(arrays(dtype, grid.shape))
    instances = bare_series(values, grid)
    np.random.default_rng(seed).shuffle(instances)

    series = read_series(instances)

    assert np.allclose(series.volume.grid.affine, grid.affine, atol=1e-3)
    assert np.array_equal(series.volume.values, values.astype(np.float32))
    assert series.volume.values.dtype == np.float32


def test_slices_stand_with_their_data_sets(bare_series: Callable[..., list[SourceInstance]]) -> None:
    series = read_series(bare_series(slices=6)[::-1])
    heights = [float(dataset.ImagePositionPatient[2]) for dataset in series.datasets]
    assert heights == sorted(heights)
    for index, dataset in enumerate(series.datasets):
        assert np.array_equal(dataset.pixel_array, series.volume.values[index])


@pytest.mark.hazard("HAZ-08")
def test_a_missing_slice_is_named_by_its_position(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(slices=8)
    del instances[3]
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    reason = caught.value.reason
    assert reason.code == "slices-missing"
    assert reason.parameters == {"position": 5.0 + 3 * 2.0, "missing": 1, "found": 7, "expected": 8}


@pytest.mark.hazard("HAZ-08")
def test_a_doubled_slice_is_named_by_its_position(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(slices=5)
    twin = pydicom.Dataset(instances[2].dataset)
    twin.file_meta = instances[2].dataset.file_meta
    twin.SOPInstanceUID = "2.25.9"
    with pytest.raises(UnreadableSeries) as caught:
        read_series([*instances, SourceInstance(twin, "f" * 64)])
    assert caught.value.reason.code == "slice-doubled"
    assert caught.value.reason.parameters["position"] == 9.0


def test_two_echoes_in_one_series_are_named_as_such(bare_series: Callable[..., list[SourceInstance]]) -> None:
    first, second = bare_series(), bare_series()
    for index, instance in enumerate(second):
        instance.dataset.SOPInstanceUID = f"2.25.8.{index}"
        instance.dataset.EchoTime = 4.9
    with pytest.raises(UnreadableSeries) as caught:
        read_series([*first, *second])
    assert caught.value.reason.code == "several-volumes"
    assert caught.value.reason.parameters["attribute"] == "EchoTime"


def moved(dataset: Dataset, x: float = 0.0, z: float = 0.0) -> None:
    place = dataset.ImagePositionPatient
    dataset.ImagePositionPatient = [float(place[0]) + x, float(place[1]), float(place[2]) + z]


@pytest.mark.hazard("HAZ-03")
@pytest.mark.parametrize(("shift", "accepted"), [(0.02, True), (0.4, False)])
def test_spacing_must_be_even(bare_series: Callable[..., list[SourceInstance]], shift: float, accepted: bool) -> None:
    instances = bare_series()
    moved(instances[2].dataset, z=shift)
    if accepted:
        assert read_series(instances).volume.grid.spacing[2] == pytest.approx(2.0)
    else:
        assert code_of(instances) == "spacing-uneven"


@pytest.mark.hazard("HAZ-03")
def test_a_slow_drift_of_spacing_is_uneven(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(slices=12)
    for index, instance in enumerate(instances):
        moved(instance.dataset, z=0.005 * index**2)
    assert code_of(instances) == "spacing-uneven"


@pytest.mark.hazard("HAZ-03")
def test_a_slice_moved_sideways_is_refused(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series()
    moved(instances[2].dataset, x=1.0)
    assert code_of(instances) == "spacing-uneven"


def tilted(instances: list[SourceInstance], per_slice_mm: float) -> list[SourceInstance]:
    for index, instance in enumerate(instances):
        moved(instance.dataset, x=per_slice_mm * index)
    return instances


def test_an_evenly_tilted_stack_is_resampled_upright_with_its_angle(
    bare_series: Callable[..., list[SourceInstance]],
) -> None:
    sent = bare_series(slices=4)
    found = read_series(tilted(sent, 0.75))  # half a column a slice
    assert found.tilt_degrees == pytest.approx(np.degrees(np.arctan(0.75 / 2.0)))
    assert found.volume.grid.size == (6, 3, 4)
    assert np.allclose(found.volume.grid.origin, sent[0].dataset.ImagePositionPatient)
    assert np.array_equal(found.volume.values[0, :, :4], sent[0].dataset.pixel_array)
    assert np.array_equal(found.volume.values[2, :, 1:5], sent[2].dataset.pixel_array)
    between = (sent[1].dataset.pixel_array[:, :-1].astype(float) + sent[1].dataset.pixel_array[:, 1:]) / 2
    assert np.array_equal(found.volume.values[1, :, 1:4], between)


@pytest.mark.hazard("HAZ-03")
def test_more_tilt_than_a_gantry_has_is_refused_with_its_angle(
    bare_series: Callable[..., list[SourceInstance]],
) -> None:
    with pytest.raises(UnreadableSeries) as caught:
        read_series(tilted(bare_series(), 2.0))
    assert caught.value.reason.code == "slices-sheared"
    assert caught.value.reason.parameters["found"] == pytest.approx(45.0)


@pytest.mark.hazard("HAZ-03")
def test_a_tilted_stack_of_uneven_spacing_is_refused(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = tilted(bare_series(), 0.75)
    moved(instances[2].dataset, z=0.3)
    assert code_of(instances) == "spacing-uneven"


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("FrameOfReferenceUID", "2.25.77"),
        ("ImageOrientationPatient", [0, 1, 0, 0, 0, 1]),
        ("PixelSpacing", [2.0, 2.0]),
        ("Rows", 2),
        ("PatientID", "P2"),
        ("SeriesInstanceUID", "2.25.78"),
        ("PatientPosition", "HFP"),
    ],
)
def test_mixed_series_are_refused_by_attribute(
    bare_series: Callable[..., list[SourceInstance]], keyword: str, value: object
) -> None:
    instances = bare_series()
    for instance in instances[:2]:
        setattr(instance.dataset, keyword, value)
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    assert caught.value.reason.code == "series-mixed"
    assert caught.value.reason.parameters["attribute"] == keyword


@pytest.mark.hazard("HAZ-17")
def test_no_patient_identifier_stands_in_an_error(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series()
    instances[1].dataset.PatientID = "SECRET-77"
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    assert "SECRET-77" not in str(caught.value)


@pytest.mark.hazard("HAZ-03")
def test_a_stack_that_turns_from_slice_to_slice_is_refused(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(slices=192)
    for index, instance in enumerate(instances):
        turned = Rotation.from_euler("z", 0.055 * index, degrees=True).as_matrix()
        instance.dataset.ImageOrientationPatient = [round(float(one), 10) for one in (*turned[:, 0], *turned[:, 1])]
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    assert caught.value.reason.code == "series-mixed"
    assert caught.value.reason.parameters["attribute"] == "ImageOrientationPatient"


def test_cosines_rounded_to_three_decimals_are_of_one_volume(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series()
    instances[0].dataset.ImageOrientationPatient = [0.9995, 0, 0, 0, 1, 0]
    assert len(read_series(instances).datasets) == len(instances)


@pytest.mark.parametrize(
    "keyword",
    ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "FrameOfReferenceUID", "Rows", "SOPClassUID"],
)
def test_a_missing_attribute_is_named(bare_series: Callable[..., list[SourceInstance]], keyword: str) -> None:
    instances = bare_series()
    for instance in instances:
        delattr(instance.dataset, keyword)
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    assert caught.value.reason.code == "attribute-missing"
    assert caught.value.reason.parameters["attribute"] == keyword


@pytest.mark.parametrize(
    ("keyword", "value", "code"),
    [
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "orientation-invalid"),
        ("ImagePositionPatient", [1, 2], "attribute-malformed"),
        ("PixelSpacing", [0, 1], "attribute-malformed"),
        ("Rows", 0, "attribute-malformed"),
        ("NumberOfFrames", 12, "multi-frame-unsupported"),
        ("SOPClassUID", EnhancedMRImageStorage, "frames-not-described"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"], "localizer"),
        ("PhotometricInterpretation", "PALETTE COLOR", "pixels-not-grey"),
        ("SamplesPerPixel", 3, "pixels-not-grey"),
        ("RescaleSlope", ["1", "2"], "attribute-malformed"),
    ],
)
def test_what_cannot_be_read_says_so(
    bare_series: Callable[..., list[SourceInstance]], keyword: str, value: object, code: str
) -> None:
    instances = bare_series()
    for instance in instances:
        setattr(instance.dataset, keyword, value)
    assert code_of(instances) == code


def test_nothing_and_one_slice_are_no_series(bare_series: Callable[..., list[SourceInstance]]) -> None:
    assert code_of([]) == "series-empty"
    assert code_of(bare_series(slices=1)) == "single-slice"


@pytest.mark.hazard("HAZ-24")
def test_cut_and_absent_pixel_data(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series()
    instances[4].dataset.PixelData = instances[4].dataset.PixelData[:-6]
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    assert caught.value.reason.code == "pixel-data-length"
    assert caught.value.reason.parameters == {"instance": "2.25.1.5", "found": 18, "expected": 24}
    del instances[4].dataset.PixelData
    assert code_of(instances) == "pixel-data-missing"


def test_rescale_is_applied_slice_by_slice(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(np.full((2, 3, 4), 100, dtype=np.uint16))
    instances[0].dataset.RescaleSlope, instances[0].dataset.RescaleIntercept = 2, -50
    values = read_series(instances).volume.values
    assert (values[0] == 150).all()
    assert (values[1] == 100).all()


def test_bits_above_the_stored_ones_are_dropped(bare_series: Callable[..., list[SourceInstance]]) -> None:
    signed = np.array([[[-5, 5]], [[-2048, 2047]]], dtype=np.int16)
    stored = (signed.view(np.uint16) & 0x0FFF) | 0x3000  # an overlay's bits lie over the sign
    instances = bare_series(stored.astype(np.uint16))
    for instance in instances:
        instance.dataset.BitsStored, instance.dataset.HighBit, instance.dataset.PixelRepresentation = 12, 11, 1
    assert np.array_equal(read_series(instances).volume.values, signed.astype(np.float32))


def real(folder: str) -> tuple[list[SourceInstance], Path]:
    data = os.environ.get("SYNTHNODE_TEST_DATA")
    if not data or not (Path(data) / folder).is_dir():
        pytest.skip(f"SYNTHNODE_TEST_DATA names no folder with {folder}")
    path = Path(data) / folder
    datasets = [pydicom.dcmread(file) for file in sorted(path.glob("*.dcm"))]
    return [SourceInstance(dataset, "") for dataset in datasets], path


@pytest.mark.data
@pytest.mark.parametrize(
    "folder",
    ["mr-head-dicom", "mr-prostate-dicom/case0000-t2-sagittal", "mr-prostate-dicom/case0000-t2-coronal"],
)
def test_real_series_agree_with_simpleitk(folder: str) -> None:
    instances, path = real(folder)
    volume = read_series(instances).volume

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()

    assert np.abs(volume.grid.affine - affine).max() < 1e-3
    assert np.array_equal(volume.values, SimpleITK.GetArrayFromImage(image).astype(np.float32))


@pytest.mark.data
def test_the_real_missing_slice_is_found() -> None:
    instances, _ = real("mr-prostate-dicom/case0000-dwi-missing-slice")
    assert code_of(instances) == "slices-missing"


ODD = [
    None,
    "",
    [],
    0,
    -3,
    70000,
    [1, 2],
    ["1", "2", "3"],
    "abc",
    "1e400",
    "nan",
    2.5,
    ["x"] * 6,
    [0] * 6,
    [1e9] * 3,
    [0, 1],
    [-1, 1],
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keyword=st.sampled_from(
        [
            "Rows",
            "Columns",
            "SamplesPerPixel",
            "BitsAllocated",
            "BitsStored",
            "HighBit",
            "PixelRepresentation",
            "NumberOfFrames",
            "RescaleSlope",
            "RescaleIntercept",
            "PixelSpacing",
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "ImageType",
            "PhotometricInterpretation",
            "SOPClassUID",
            "SOPInstanceUID",
            "FrameOfReferenceUID",
            "PixelData",
        ]
    ),
    value=st.sampled_from(ODD),
    everywhere=st.booleans(),
)
def test_odd_values_are_read_or_refused_by_name(
    bare_series: Callable[..., list[SourceInstance]], keyword: str, value: object, everywhere: bool
) -> None:
    instances = bare_series(slices=3)
    for instance in instances if everywhere else instances[1:2]:
        # past pydicom's own checks of assignment, as a file on disk would bring it
        raw = pydicom.DataElement(pydicom.tag.Tag(keyword), "OW" if keyword == "PixelData" else "LO", None)
        raw._value = value
        instance.dataset[keyword] = raw
    try:
        volume = read_series(instances).volume
    except UnreadableSeries:
        return
    assert np.isfinite(volume.values).all()
