"""Enhanced multi-frame objects are read as the classic images that they hold, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pytest
from enhanced import enhanced_mr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    JPEG2000Lossless,
    JPEGLSLossless,
    LegacyConvertedEnhancedMRImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RLELossless,
)
from scipy.spatial.transform import Rotation

from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.headers import Header
from pipelines.headers.acquisition import field_strength
from pipelines.headers.body_part import body_part
from pipelines.headers.functional_groups import PER_FRAME, FrameHeaders, frame_number
from pipelines.headers.origin import is_derived
from pipelines.headers.volumes import VolumeChoice
from pipelines.headers.weighting import weighting
from pipelines.objects.provenance import source_images
from pipelines.phantoms.series import mr_series
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries

SeriesMaker = Callable[..., list[SourceInstance]]


def phantom(slices: int = 6, turned: tuple[float, float, float] = (10.0, -20.0, 35.0)) -> list[Dataset]:
    axes = Rotation.from_euler("xyz", turned, degrees=True).as_matrix()
    rows = tuple(tuple(float(v) for v in axis) for axis in axes)
    grid = Grid(size=(40, 36, slices), spacing=(1.1, 0.8, 2.5), origin=(-20.0, 31.0, 4.5), direction=rows)
    values = np.random.default_rng(5).uniform(0, 1000, grid.shape).astype(np.float32)
    return mr_series(Volume(values, grid), seed=3)


def read(*objects: Dataset, choice: VolumeChoice | None = None) -> SourceSeries:
    """What reading makes of the objects' bytes."""
    instances = []
    for one in objects:
        stream = BytesIO()
        one.save_as(stream, enforce_file_format=True)
        instances.append(SourceInstance(dcmread(BytesIO(stream.getvalue())), ""))
    return read_series(instances, choice)


def code_of(*objects: Dataset, choice: VolumeChoice | None = None) -> str:
    with pytest.raises(UnreadableSeries) as caught:
        read(*objects, choice=choice)
    return caught.value.reason.code


@pytest.mark.hazard("HAZ-03")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_frames_in_any_order_give_the_volume_of_the_classic_series(data: st.DataObject) -> None:
    classic = phantom(turned=data.draw(st.tuples(*[st.floats(-180, 180)] * 3)))
    slopes = data.draw(st.lists(st.sampled_from([1, 2, 3]), min_size=6, max_size=6))
    for image, slope in zip(classic, slopes, strict=True):
        image.RescaleSlope, image.RescaleIntercept = str(slope), str(-10 * slope)
    order = data.draw(st.permutations(range(6)))
    expected, found = read(*classic), read(enhanced_mr([classic[place] for place in order]))
    assert np.array_equal(found.volume.values, expected.volume.values)
    assert np.allclose(found.volume.grid.affine, expected.volume.grid.affine, atol=1e-6)
    for image, header in zip(expected.datasets, found.datasets, strict=True):
        number = frame_number(header)
        assert number is not None
        assert classic[order[number - 1]].SOPInstanceUID == image.SOPInstanceUID


def test_highdicom_reads_the_same_volume() -> None:
    made = enhanced_mr(phantom())
    theirs = highdicom.Image.from_dataset(made, copy=True).get_volume(dtype=np.float32)
    ours = read(made).volume
    # Theirs has frames, rows, columns as its axes, and may count the frames from the other end.
    there = np.linalg.inv(theirs.affine) @ ours.grid.affine @ [0, 0, 0, 1]
    assert np.allclose(sorted(there[:3]), [0, 0, sorted(there[:3])[-1]], atol=1e-4)
    flipped = theirs.array if there[0] < 0.5 else theirs.array[::-1]
    assert np.allclose(flipped, ours.values)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.keyword)
def test_compressed_frames_are_the_native_ones(syntax: UID) -> None:
    native, compressed = enhanced_mr(phantom()), enhanced_mr(phantom())
    compressed.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read(compressed).volume.values, read(native).volume.values)


def test_a_concatenation_of_several_objects_is_one_volume() -> None:
    classic = phantom(slices=7)
    parts = [enhanced_mr(classic[:3], "2.25.1"), enhanced_mr(classic[3:], "2.25.2")]
    assert np.array_equal(read(*parts).volume.values, read(*classic).volume.values)


def test_frames_say_what_classic_images_say() -> None:
    classic = phantom()
    stated, expected = read(enhanced_mr(classic)).stated, read(*classic).stated
    assert weighting(stated) == weighting(expected) == "T1"
    assert body_part(stated) == body_part(expected) == "HEAD"
    assert field_strength(stated) == field_strength(expected)
    assert is_derived(stated) is False
    assert stated.text("PatientName") == expected.text("PatientName")


def test_names_in_other_characters_stay_whole() -> None:
    classic = phantom()
    for image in classic:
        image.SpecificCharacterSet, image.PatientName = "ISO_IR 192", "Müller^Jürgen"
    assert str(read(enhanced_mr(classic)).header.PatientName) == "Müller^Jürgen"


@pytest.mark.hazard("HAZ-07")
def test_two_echoes_in_one_object_are_refused_unless_one_is_meant() -> None:
    first, second = phantom(), phantom()
    for image in second:
        image.EchoTime, image.PixelData = "20", bytes(len(image.PixelData))
    both = enhanced_mr([*first, *second])
    assert code_of(both) == "several-volumes"
    lowest = read(both, choice=VolumeChoice(echo="lowest"))
    assert np.array_equal(lowest.volume.values, read(*first).volume.values)
    assert lowest.parts.describe() == "6 of 12 are of another volume"
    assert not read(both, choice=VolumeChoice(echo="20")).volume.values.any()


def test_provenance_lists_the_frames_that_were_used_and_no_numbers_where_all_were() -> None:
    first, second = phantom(), phantom()
    for image in second:
        image.EchoTime = "20"
    both = enhanced_mr([*first, *second])
    (one,) = source_images([read(both, choice=VolumeChoice(echo="highest"))]).SourceImageSequence
    assert (one.ReferencedSOPInstanceUID, list(one.ReferencedFrameNumber)) == (both.SOPInstanceUID, [*range(7, 13)])
    (whole,) = source_images([read(enhanced_mr(first))]).SourceImageSequence
    assert "ReferencedFrameNumber" not in whole


@pytest.mark.hazard("HAZ-08")
def test_frames_without_their_description_are_refused() -> None:
    lost, spare = enhanced_mr(phantom()), enhanced_mr(phantom())
    del lost.PerFrameFunctionalGroupsSequence[2]
    del spare.PerFrameFunctionalGroupsSequence
    assert code_of(lost) == code_of(spare) == "frames-not-described"


def test_a_missing_frame_is_a_missing_slice() -> None:
    classic = phantom(slices=8)
    assert code_of(enhanced_mr([*classic[:3], *classic[4:]])) == "slices-missing"


def test_other_multi_frame_classes_are_refused_by_name() -> None:
    captured = enhanced_mr(phantom())
    captured.SOPClassUID = captured.file_meta.MediaStorageSOPClassUID = (
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    )
    assert code_of(captured) == "multi-frame-unsupported"


def test_legacy_converted_images_are_read(tmp_path: Path) -> None:
    classic = phantom()
    for number, image in enumerate(classic, start=1):
        image.InstanceNumber, image.AccessionNumber = number, "A1"
    made = highdicom.legacy.LegacyConvertedEnhancedMRImage(
        classic, "2.25.5", 1, "2.25.6", 1, transfer_syntax_uid=classic[0].file_meta.TransferSyntaxUID
    )
    assert made.SOPClassUID == LegacyConvertedEnhancedMRImageStorage
    found, expected = read(made), read(*classic)
    assert np.array_equal(found.volume.values, expected.volume.values)
    assert np.allclose(found.volume.grid.affine, expected.volume.grid.affine, atol=1e-6)
    assert weighting(found.stated) == "T1"


def test_an_item_of_foreign_bytes_leaves_the_others(bare_series: SeriesMaker) -> None:
    made = enhanced_mr(phantom())
    made.SharedFunctionalGroupsSequence[0].MRTimingAndRelatedParametersSequence = []
    assert Header.from_dataset(read(made).header).number("RepetitionTime") is None


@pytest.mark.hazard("HAZ-03")
def test_no_private_or_unassigned_group_says_where_a_frame_lies_or_whose_it_is() -> None:
    """Vendors keep sequences of their own among a frame's groups, and conversions what they found no group for."""
    images = phantom()
    plain, foreign = enhanced_mr(images), enhanced_mr(images)
    for number, groups in enumerate(foreign[PER_FRAME].value):
        item = Dataset()
        item.SOPInstanceUID, item.FrameOfReferenceUID = f"2.25.9{number}", "2.25.666"
        item.ImagePositionPatient, item.PixelSpacing = [5, 5, 5 + number], [7, 7]
        groups.add_new(0x20050010, "LO", "SOMEBODY")
        groups.add_new(0x2005100F, "SQ", [item])
        groups.UnassignedPerFrameConvertedAttributesSequence = [item]
    ours, theirs = read(plain), read(foreign)
    assert np.allclose(ours.volume.grid.affine, theirs.volume.grid.affine)
    assert np.array_equal(ours.volume.values, theirs.volume.values)
    for frame in FrameHeaders.of(foreign).headers():
        assert frame.FrameOfReferenceUID == plain.FrameOfReferenceUID
        assert frame.SOPInstanceUID == plain.SOPInstanceUID
