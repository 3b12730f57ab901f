"""The uncertainty as a Parametric Map and masks as a Segmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import highdicom
import numpy as np
import pytest
from derived import DIGEST, FRAME, GRID, RUN, derived, head, regions
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, MRImageStorage

from models.volumes import Volume
from pipelines.errors import UnfitObject
from pipelines.objects.encoding import encode
from pipelines.objects.parametric_map import STEP_HU, uncertainty_map
from pipelines.objects.seg import Segment, segmentation

MADE = derived()
SEGMENTS = tuple(Segment(roi.name, roi.mask, roi.code) for roi in regions())


def uncertainty() -> Volume:
    hu = head().values
    return Volume(np.where(hu > -900, np.abs(hu) / 17, np.nan).astype(np.float32), GRID)


def map_of(values: Volume | None = None) -> Dataset:
    return uncertainty_map(values or uncertainty(), MADE.source, RUN, DIGEST, body_part="HEAD")


def masks_of(segments: tuple[Segment, ...] = SEGMENTS) -> Dataset:
    return segmentation(segments, MADE.images, GRID, MADE.source, RUN, DIGEST, body_part="HEAD")


def read(dataset: Dataset) -> Dataset:
    return dcmread(BytesIO(encode(dataset)))


@pytest.mark.hazard("HAZ-03")
def test_the_map_comes_back_in_hu_where_it_stood() -> None:
    found = highdicom.Image.from_dataset(read(map_of())).get_volume(apply_real_world_transform=False)
    back = found.match_geometry(highdicom.Volume(np.zeros(GRID.shape), GRID.affine[:, [2, 1, 0, 3]], "PATIENT"))
    expected = uncertainty().values
    known = ~np.isnan(expected)
    assert np.array_equal(back.array > 0, known)
    assert np.abs(back.array[known] * STEP_HU - expected[known]).max() <= max(STEP_HU / 2 + 1e-4, STEP_HU)
    assert found.frame_of_reference_uid == FRAME


def test_no_value_is_never_read_as_certainty() -> None:
    mapping = map_of().SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.RealWorldValueFirstValueMapped == 1
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "[hnsf'U]"
    sure = map_of(Volume(np.zeros(GRID.shape, dtype=np.float32), GRID))
    assert np.frombuffer(sure.PixelData, "<u2").min() == 1


@pytest.mark.parametrize(("largest", "step"), [(6553.5, 0.1), (6554.0, 1.0), (90000.0, 10.0)])
def test_a_large_uncertainty_is_written_in_coarser_steps_and_never_clipped(largest: float, step: float) -> None:
    values = np.linspace(0, largest, GRID.size[0] * GRID.size[1] * GRID.size[2], dtype=np.float32).reshape(GRID.shape)
    made = map_of(Volume(values, GRID))
    slope = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0].RealWorldValueSlope
    assert slope == pytest.approx(step)
    assert np.frombuffer(made.PixelData, "<u2").max() * slope == pytest.approx(largest, abs=step)


def test_an_infinite_uncertainty_is_refused() -> None:
    with pytest.raises(UnfitObject) as caught:
        map_of(Volume(np.full(GRID.shape, np.inf, dtype=np.float32), GRID))
    assert caught.value.reason.code == "object-values-not-finite"


def test_a_negative_uncertainty_is_refused() -> None:
    with pytest.raises(UnfitObject) as caught:
        map_of(Volume(np.full(GRID.shape, -1.0, dtype=np.float32), GRID))
    assert caught.value.reason.code == "object-uncertainty-negative"


@pytest.mark.hazard("HAZ-03")
def test_masks_come_back_where_they_stood() -> None:
    found = highdicom.seg.Segmentation.from_dataset(read(masks_of())).get_volume()
    back = found.match_geometry(highdicom.Volume(np.zeros(GRID.shape), GRID.affine[:, [2, 1, 0, 3]], "PATIENT"))
    for number, segment in enumerate(SEGMENTS):
        assert np.array_equal(back.array[..., number] > 0, segment.mask)


def test_each_frame_of_masks_names_the_image_in_its_plane() -> None:
    by_uid = {image.SOPInstanceUID: image for image in MADE.images}
    for frame in masks_of().PerFrameFunctionalGroupsSequence:
        (named,) = frame.DerivationImageSequence[0].SourceImageSequence
        position = frame.PlanePositionSequence[0].ImagePositionPatient
        assert float(by_uid[named.ReferencedSOPInstanceUID].ImagePositionPatient[2]) == float(position[2])


def test_masks_between_the_planes_of_the_images_are_refused() -> None:
    between = replace(GRID, origin=(*GRID.origin[:2], GRID.origin[2] + 0.7))
    with pytest.raises(UnfitObject) as caught:
        segmentation(SEGMENTS, MADE.images, between, MADE.source, RUN, DIGEST, body_part="HEAD")
    assert caught.value.reason.code == "object-segment-plane"


@pytest.mark.parametrize(
    ("segments", "code"),
    [
        ((), "object-no-rois"),
        ((SEGMENTS[0], SEGMENTS[0]), "object-roi-doubled"),
        ((replace(SEGMENTS[0], label=""),), "object-roi-name"),
        ((replace(SEGMENTS[0], mask=SEGMENTS[0].mask[1:]),), "object-roi-shape"),
        ((replace(SEGMENTS[0], mask=SEGMENTS[0].mask & False),), "object-roi-empty"),
    ],
)
def test_masks_that_cannot_be_written_are_refused(segments: tuple[Segment, ...], code: str) -> None:
    with pytest.raises(UnfitObject) as caught:
        masks_of(segments)
    assert caught.value.reason.code == code


@pytest.mark.parametrize("make", [map_of, masks_of])
class TestBoth:
    @pytest.mark.hazard("HAZ-09")
    def test_the_same_run_gives_the_same_bytes(self, make: Callable[[], Dataset]) -> None:
        assert encode(make()) == encode(make())

    @pytest.mark.hazard("HAZ-05")
    def test_it_says_what_it_is_and_where_it_comes_from(self, make: Callable[[], Dataset]) -> None:
        found = read(make())
        assert (found.SyntheticData, found.ContentQualification) == ("YES", "RESEARCH")
        assert found.SeriesDescription.startswith("SYNTHETIC")
        assert found.ContributingEquipmentSequence[-1].Manufacturer == "synthnode"
        assert {code.CodingSchemeDesignator for code in found.DerivationCodeSequence} >= {"99SYNTHNODE"}
        assert {item.ReferencedSOPInstanceUID for item in found.SourceImageSequence} == {
            source.SOPInstanceUID for source in MADE.source.datasets
        }
        assert (found.InstanceCreationDate, found.ContentTime) == ("20261121", "233015")

    def test_references_name_the_true_class_and_series(self, make: Callable[[], Dataset]) -> None:
        classes = {
            str(series.SeriesInstanceUID): {
                str(item.ReferencedSOPClassUID) for item in series.ReferencedInstanceSequence
            }
            for series in make().ReferencedSeriesSequence
        }
        assert classes[str(MADE.source.header.SeriesInstanceUID)] == {MRImageStorage}
        assert all(found == {CTImageStorage} for uid, found in classes.items() if uid.startswith("2.25"))

    def test_patient_text_stays_in_the_sources_character_set(self, make: Callable[[], Dataset]) -> None:
        assert make().get("SpecificCharacterSet") == MADE.source.header.get("SpecificCharacterSet")


def test_series_of_one_run_have_numbers_and_uids_of_their_own() -> None:
    every = (MADE.images[0], MADE.structures, map_of(), masks_of())
    assert [int(dataset.SeriesNumber) for dataset in every] == [501, 502, 503, 504]
    assert len({dataset.SeriesInstanceUID for dataset in every}) == 4
