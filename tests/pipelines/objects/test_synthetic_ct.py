from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from derived import DIGEST, FRAME, GRID, RUN, derived, head, source_series
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread

from models.volumes import Grid, Volume
from pipelines.contract import RunIdentity, Verdict
from pipelines.errors import UnfitObject, UnreadableSeries
from pipelines.objects.ct import synthetic_ct_series
from pipelines.objects.encoding import encode, file_meta
from pipelines.objects.profiles import InvalidProfile, PlanningProfile
from pipelines.reading.series import SourceSeries
from pipelines.semantics import check_objects


def made(
    hu: Volume | None = None,
    source: SourceSeries | None = None,
    run: RunIdentity = RUN,
    prone: bool = False,
    resampled: bool = True,
) -> tuple[Dataset, ...]:
    return synthetic_ct_series(hu or head(), source or source_series(), run, DIGEST, resampled, prone, body_part="HEAD")


def read(dataset: Dataset) -> Dataset:
    return dcmread(BytesIO(encode(dataset)))


def test_values_come_back_rounded_and_clipped() -> None:
    hu = head()
    hu.values[3, 4, 5], hu.values[3, 4, 6] = 5000.0, -2000.0
    images = [read(image) for image in made(hu)]
    back = np.stack([image.pixel_array * float(image.RescaleSlope) + float(image.RescaleIntercept) for image in images])
    assert np.array_equal(back, np.clip(np.rint(hu.values), -1024, 3071))


@pytest.mark.hazard("HAZ-03")
def test_every_slice_stands_where_the_grid_says() -> None:
    for k, image in enumerate(read(image) for image in made()):
        x, y, z = GRID.origin
        assert [float(value) for value in image.ImagePositionPatient] == [x, y, z + 1.5 * k]
        assert [float(value) for value in image.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
        assert [float(value) for value in image.PixelSpacing] == [2.0, 2.0]


@pytest.mark.hazard("HAZ-04")
def test_a_prone_patient_is_turned_and_no_voxel_moves() -> None:
    hu = head()
    hu.values[5, 10, 3] = 777.0
    image = read(made(hu, source_series(PatientPosition="FFP"), prone=True)[5])
    assert [float(value) for value in image.ImageOrientationPatient] == [-1, 0, 0, 0, -1, 0]
    row, column = (int(index[0]) for index in np.nonzero(image.pixel_array == 777 + 1024))
    x = float(image.ImagePositionPatient[0]) - 2.0 * column
    y = float(image.ImagePositionPatient[1]) - 2.0 * row
    assert [x, y] == pytest.approx([GRID.origin[0] + 3 * 2.0, GRID.origin[1] + 10 * 2.0])


@pytest.mark.hazard("HAZ-03")
@given(
    st.floats(-2000, 2000, allow_nan=False),
    st.floats(0.2, 6.0, allow_nan=False),
    st.integers(2, 20),
)
@settings(max_examples=60, deadline=None)
def test_positions_are_short_and_steps_equal_to_the_last_digit(origin: float, step: float, count: int) -> None:
    grid = Grid(size=(3, 3, count), spacing=(1.1, 1.1, step), origin=(origin, -origin, origin))
    images = made(Volume(np.zeros(grid.shape, dtype=np.float32), grid))
    heights = [Decimal(str(image["ImagePositionPatient"].value[2])) for image in images]
    assert {above - below for below, above in pairwise(heights)} == {Decimal(str(images[0].SliceThickness))}
    assert max(len(str(value)) for image in images for value in image.ImagePositionPatient) <= 16
    assert abs(float(heights[0]) - origin) < 1e-7


@pytest.mark.hazard("HAZ-09")
def test_the_same_run_gives_the_same_bytes_and_another_run_other_uids() -> None:
    assert [encode(image) for image in made()] == [encode(image) for image in made()]
    again = synthetic_ct_series(
        head(), source_series(), replace(RUN, run_number=2), "ef" * 32, True, False, body_part="HEAD"
    )
    assert not {i.SOPInstanceUID for i in again} & {i.SOPInstanceUID for i in made()}
    assert again[0].SeriesInstanceUID != made()[0].SeriesInstanceUID


@pytest.mark.hazard("HAZ-05")
def test_it_says_what_it_is_and_where_it_comes_from() -> None:
    image = read(made()[0])
    assert image.FrameOfReferenceUID == FRAME
    assert (image.SyntheticData, image.ContentQualification) == ("YES", "RESEARCH")
    assert image.SeriesDescription.startswith("SYNTHETIC")
    assert list(image.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert [code.CodeValue for code in image.DerivationCodeSequence] == ["MR-TO-CT", "113085"]
    assert {item.ReferencedSOPInstanceUID for item in image.SourceImageSequence} == {
        source.SOPInstanceUID for source in source_series().datasets
    }
    assert {item.PurposeOfReferenceCodeSequence[0].CodeValue for item in image.SourceImageSequence} == {"121322"}
    scanner, node = image.ContributingEquipmentSequence
    assert (scanner.PurposeOfReferenceCodeSequence[0].CodeValue, scanner.Manufacturer) == ("109101", "Phantom works")
    assert (node.PurposeOfReferenceCodeSequence[0].CodeValue, node.Manufacturer) == ("109102", "synthnode")
    assert RUN.models["generator"].sha256 in list(node.SoftwareVersions)
    assert "head-mr-to-ct 0.1.0" in " ".join(node.SoftwareVersions)
    schemes = {code.CodingSchemeDesignator for code in image.DerivationCodeSequence} - {"DCM"}
    assert schemes == {item.CodingSchemeDesignator for item in image.CodingSchemeIdentificationSequence}
    assert "ConvolutionKernel" not in image
    assert "Exposure" not in image
    assert image.AcquisitionDate == "20261120"
    assert image["KVP"].is_empty
    assert image["PositionReferenceIndicator"].is_empty


def test_without_resampling_no_resampling_is_claimed() -> None:
    image = made(resampled=False)[0]
    assert [code.CodeValue for code in image.DerivationCodeSequence] == ["MR-TO-CT"]
    assert "resampled" not in image.DerivationDescription


def test_equipment_and_kvp_come_from_the_planning_systems_profile() -> None:
    profile = PlanningProfile("Maker", "Model", "CT9", "77", "120", "PRIMARY", "FC07")
    image = made(run=replace(RUN, profile=profile))[0]
    assert (image.Manufacturer, image.ManufacturerModelName, image.StationName) == ("Maker", "Model", "CT9")
    assert (image.DeviceSerialNumber, image.KVP, image.ImageType[1]) == ("77", 120, "PRIMARY")
    assert image.ConvolutionKernel == "FC07"


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("manufacturer", ""),
        ("model_name", "Änderung"),
        ("station_name", "A" * 17),
        ("device_serial", "1\\2"),
        ("kvp", "120 kV"),
        ("image_type_2", "OTHER"),
        ("convolution_kernel", "B" * 17),
        ("hole_style", "NESTED"),
        ("air_margin_mm", -1.0),
        ("air_margin_mm", float("nan")),
    ],
)
def test_a_profile_that_planning_systems_would_refuse_is_refused(attribute: str, value: object) -> None:
    with pytest.raises(InvalidProfile) as caught:
        PlanningProfile(**{attribute: value})  # type: ignore[arg-type]
    assert caught.value.parameters["attribute"] == attribute


def test_sources_are_named_once_a_series_and_every_series_that_took_part() -> None:
    second = source_series(SeriesInstanceUID="1.2.826.0.1.3680043.8.498.33")
    images = synthetic_ct_series(head(), source_series(), RUN, DIGEST, True, False, others=[second], body_part="HEAD")
    assert len(images[0].SourceImageSequence) == 12
    assert {len(image.SourceImageSequence) for image in images[1:]} == {2}


def test_a_slice_names_the_source_image_that_passes_nearest() -> None:
    axial = Grid((4, 4, 6), (9.0, 9.0, 10.0), (-13.0, -13.0, -25.0))
    plain = source_series()
    source = SourceSeries(plain.datasets, Volume(np.zeros(axial.shape, dtype=np.float32), axial))
    named = [image.SourceImageSequence[0].ReferencedSOPInstanceUID for image in made(source=source)[1:]]
    heights = [GRID.origin[2] + k * GRID.spacing[2] for k in range(1, GRID.size[2])]
    nearest = [min(range(6), key=lambda n: abs(-25.0 + 10.0 * n - height)) for height in heights]
    assert named == [plain.datasets[n].SOPInstanceUID for n in nearest]


@pytest.mark.hazard("HAZ-02")
def test_empty_identity_stays_empty() -> None:
    image = read(made(source=source_series(PatientSex=None, PatientBirthDate=""))[0])
    assert image["PatientSex"].is_empty
    assert image["PatientBirthDate"].is_empty


def test_lossy_compression_is_inherited() -> None:
    image = made(source=source_series(LossyImageCompression="01", LossyImageCompressionRatio="8"))[0]
    assert (image.LossyImageCompression, image.LossyImageCompressionRatio) == ("01", 8)
    assert "LossyImageCompression" not in made()[0]


def test_a_paired_or_unknown_body_part_is_not_carried() -> None:
    assert made(source=source_series(BodyPartExamined="EYE"))[0].BodyPartExamined == "HEAD"
    assert made(source=source_series(BodyPartExamined="BRAIN"))[0].BodyPartExamined == "BRAIN"


@pytest.mark.parametrize(
    ("offset", "date", "time"),
    [(None, "20261121", "233015"), ("+0800", "20261122", "073015"), ("junk", "20261121", "233015")],
)
def test_times_follow_the_offset_that_the_source_states(offset: str | None, date: str, time: str) -> None:
    source = source_series() if offset is None else source_series(TimezoneOffsetFromUTC=offset)
    image = made(source=source)[0]
    assert (image.SeriesDate, image.SeriesTime) == (date, time)
    stated = image.ContributingEquipmentSequence[-1].ContributionDateTime
    assert datetime.strptime(stated, "%Y%m%d%H%M%S%z").astimezone(UTC) == RUN.started_at.replace(microsecond=0)


def test_what_the_source_wrote_too_long_is_carried_and_held_for_a_person() -> None:
    source = source_series(StudyID="A study ID of the source that is long")
    objects = made(source=source)
    assert read(objects[0]).StudyID == source.header.StudyID
    found = {check.name: check.verdict for check in check_objects(objects, (source,))}
    assert found["values-in-length"] is Verdict.REJECT
    assert found["identity-carried"] is Verdict.PASS


def test_an_institution_in_chinese_reaches_the_contributing_equipment() -> None:
    image = read(made(source=source_series(SpecificCharacterSet="GB18030", InstitutionName="协和医院"))[3])
    assert image.ContributingEquipmentSequence[0].InstitutionName == "协和医院"


GRIDS = {
    "object-grid-oblique": Grid((4, 4, 4), (1, 1, 1), (0, 0, 0), ((0, 1, 0), (1, 0, 0), (0, 0, -1))),
    "object-pixels-not-square": Grid((4, 4, 4), (1, 1.01, 1), (0, 0, 0)),
    "object-too-many-slices": Grid((2, 2, 400), (1, 1, 1), (0, 0, 0)),
    "object-number-unwritable": Grid((2, 2, 2), (1, 1, 1), (1e9 / 3, 0, 0)),
}


@pytest.mark.parametrize("code", GRIDS)
def test_a_grid_that_planning_systems_refuse_is_refused(code: str) -> None:
    grid = GRIDS[code]
    with pytest.raises(UnfitObject) as caught:
        made(Volume(np.zeros(grid.shape, dtype=np.float32), grid))
    assert caught.value.reason.code == code


def test_values_that_are_not_numbers_are_refused() -> None:
    hu = head()
    hu.values[-1, 0, 0] = np.nan
    with pytest.raises(UnfitObject) as caught:
        made(hu)
    assert caught.value.reason.code == "object-values-not-finite"


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize("position", ["HFDR", "FFDL", "SITTING", ""])
def test_decubitus_is_refused(position: str) -> None:
    with pytest.raises(UnreadableSeries):
        made(source=source_series(PatientPosition=position))


@pytest.mark.hazard("HAZ-04")
def test_a_posture_that_contradicts_the_source_is_refused() -> None:
    with pytest.raises(UnfitObject) as caught:
        made(prone=True)
    assert caught.value.reason.code == "object-posture-contradicts-source"


def test_a_station_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(UnfitObject) as caught:
        made(run=replace(RUN, station="A" * 17))
    assert caught.value.reason.parameters["attribute"] == "StationName"


# The Japanese, Korean and Chinese names with escape sequences are the examples of PS3.5 annexes H, I and K.
NAMES = {
    ("", "ISO 2022 IR 87"): b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    ("", "ISO 2022 IR 149"): b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7",
    ("", "ISO 2022 IR 58"): b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    "ISO_IR 192": "Wang^XiaoDong=王^小东".encode(),
    "GB18030": "Wang^XiaoDong=王^小东".encode("gb18030"),
    "ISO_IR 144": "Люкceмбypг".encode("iso8859_5"),
    "ISO_IR 100": "Äneas^Rüdiger".encode("latin_1"),
}


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize("character_set", NAMES)
def test_names_are_carried_to_the_byte_in_every_character_set(character_set: str | tuple[str, ...]) -> None:
    name = NAMES[character_set]
    several = list(character_set) if isinstance(character_set, tuple) else character_set
    sent = source_series(SpecificCharacterSet=several)
    received = SourceSeries(tuple(with_name(dataset, name) for dataset in sent.datasets), sent.volume)
    assert str(received.header.PatientName), "reading the name, as the gate does, must not change what is carried"
    result = derived(received)
    for dataset in (result.images[0], result.images[-1], result.structures):
        written = read(dataset)
        assert written.get_item("PatientName").value.rstrip() == name
        assert written.SpecificCharacterSet == received.header.SpecificCharacterSet


def with_name(dataset: Dataset, name: bytes) -> Dataset:
    dataset.file_meta = file_meta(dataset)
    dataset.PatientName = "PLACE^HOLDER".ljust(len(name) + len(name) % 2, "X")
    placeholder = str(dataset.PatientName).encode()
    return dcmread(BytesIO(encode(dataset).replace(placeholder, name.ljust(len(placeholder)))))
