"""What a kept file says of itself, and what is wrong with one that is damaged."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless
from small_dicom import STUDY, ct, file_of, marked_own, structures

from node.archive.equivalence import differences
from node.archive.headers import read_header
from node.archive.part10 import head_bytes, read_head
from node.errors import Quarantine

PLAIN = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def written(folder: Path, content: bytes) -> Path:
    file = folder / "instance.dcm"
    file.write_bytes(content)
    return file


def quarantined(folder: Path, content: bytes) -> Quarantine:
    with pytest.raises(Quarantine) as caught:
        read_header(written(folder, content))
    return caught.value


@pytest.mark.parametrize("syntax", PLAIN)
def test_a_whole_file_is_read(tmp_path: Path, syntax: str) -> None:
    header = read_header(written(tmp_path, file_of(ct(3), syntax)))
    assert (header.study_uid, header.modality, header.transfer_syntax_uid) == (STUDY, "CT", syntax)
    assert (header.patient.patient_id, header.patient.name) == ("P-1", "Doe^Jane")
    assert header.ours is False
    assert "PixelData" not in header.attributes


def nested(depth: int) -> Dataset:
    ds = ct()
    inner = ds
    for _ in range(depth):
        item = Dataset()
        item.add_new(0x00081155, "UI", "1.2.3")
        sequence = Sequence([item])
        inner.add_new(0x00081115, "SQ", sequence)
        inner["ReferencedSeriesSequence"].is_undefined_length = True
        item.is_undefined_length_sequence_item = True
        inner = item
    return ds


@pytest.mark.parametrize("syntax", PLAIN)
def test_sequences_of_undefined_length_are_walked(tmp_path: Path, syntax: str) -> None:
    assert read_header(written(tmp_path, file_of(nested(5), syntax))).modality == "CT"


@pytest.mark.hazard("HAZ-24")
def test_sequences_without_bottom_are_refused(tmp_path: Path) -> None:
    assert "nested deeper" in str(quarantined(tmp_path, file_of(nested(60))))


@pytest.mark.hazard("HAZ-08")
@pytest.mark.parametrize("syntax", PLAIN)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_anywhere_is_not_taken_for_whole(tmp_path: Path, syntax: str, data: st.DataObject) -> None:
    whole = file_of(nested(2), syntax)
    length = data.draw(st.integers(read_head(whole).length, len(whole) - 1))
    why = quarantined(tmp_path, whole[:length]).reason
    assert why.code in {
        "instance-truncated",
        "instance-attribute-missing",
        "pixel-data-short",
        "instance-unreadable",
    }


def test_a_cut_names_the_attribute_and_both_lengths(tmp_path: Path) -> None:
    why = quarantined(tmp_path, file_of(ct())[:-100]).reason
    assert why.code == "instance-truncated"
    assert why.parameters == {"attribute": "(7FE0,0010)", "declared": 512, "found": 412}


def test_cut_fragments_are_found(tmp_path: Path) -> None:
    ds = ct(PixelData=encapsulate([b"\x00" * 700]))
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    whole = file_of(ds, JPEG2000Lossless)
    assert read_header(written(tmp_path, whole)).transfer_syntax_uid == JPEG2000Lossless
    for length in (len(whole) - 1, len(whole) - 8, len(whole) - 300):
        assert quarantined(tmp_path, whole[:length]).reason.code == "instance-truncated"


def test_pixel_data_shorter_than_the_image_is_found(tmp_path: Path) -> None:
    why = quarantined(tmp_path, file_of(ct(PixelData=b"\x00" * 510))).reason
    assert (why.code, dict(why.parameters)) == ("pixel-data-short", {"declared": 512, "found": 510})


def test_an_image_without_pixel_data_is_found(tmp_path: Path) -> None:
    for absent in ({"PixelData": None}, {"PixelData": None, "Rows": None}):
        why = quarantined(tmp_path, file_of(ct(**absent))).reason
        assert (why.code, why.parameters["attribute"]) == ("instance-attribute-missing", "PixelData")


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("keyword", ["PhotometricInterpretation", "Rows", "PatientID"])
def test_a_value_representation_that_does_not_exist_is_named(tmp_path: Path, keyword: str) -> None:
    ds = ct()
    tag, vr = ds[keyword].tag, ds[keyword].VR.encode()
    content = file_of(ds).replace(
        struct.pack("<HH", tag.group, tag.element) + vr, struct.pack("<HH", tag.group, tag.element) + b"ES"
    )
    assert quarantined(tmp_path, content).reason.code == "instance-unreadable"


@pytest.mark.hazard("HAZ-24")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=12),
    syntax=st.sampled_from(PLAIN),
)
def test_whatever_the_bytes_are_the_answer_is_a_header_or_a_reason(
    tmp_path: Path, changes: list[tuple[int, int]], syntax: str
) -> None:
    content = bytearray(file_of(nested(2), syntax))
    for at, value in changes:
        content[132 + at % (len(content) - 132)] = value
    file = written(tmp_path, bytes(content))
    with suppress(Quarantine):
        read_header(file)


@pytest.mark.hazard("HAZ-24")
def test_text_is_not_taken_for_dicom(tmp_path: Path) -> None:
    head = head_bytes("1.2.840.10008.5.1.4.1.1.2", "1.2.3", ExplicitVRLittleEndian)
    why = quarantined(tmp_path, head + b"This is a text file that somebody sent as a study.\n" * 3).reason
    assert why.code == "instance-unreadable"


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_a_missing_uid_is_named(tmp_path: Path, keyword: str) -> None:
    ds = ct()
    content = file_of(ds)
    group, element = ds[keyword].tag.group, ds[keyword].tag.element
    value = ds[keyword].value.encode()
    length = len(value) + len(value) % 2
    field = struct.pack("<HH2sH", group, element, b"UI", length)
    at = content.rindex(field)
    emptied = content[:at] + struct.pack("<HH2sH", group, element, b"UI", 0) + content[at + 8 + length :]
    why = quarantined(tmp_path, emptied).reason
    assert (why.code, why.parameters["attribute"]) == ("instance-attribute-missing", keyword)


@pytest.mark.hazard("HAZ-24")
def test_a_uid_that_is_a_path_is_refused(tmp_path: Path) -> None:
    ds = ct()
    hostile = file_of(ds).replace(STUDY.encode(), (b"../" * 20)[: len(STUDY)])
    assert quarantined(tmp_path, hostile).reason.code == "instance-uid-invalid"


@pytest.mark.hazard("HAZ-13")
def test_own_objects_are_recognised(tmp_path: Path) -> None:
    assert read_header(written(tmp_path, file_of(marked_own(ct())))).ours is True


@pytest.mark.hazard("HAZ-13")
def test_a_structure_set_names_the_images_that_it_is_drawn_on(tmp_path: Path) -> None:
    header = read_header(written(tmp_path, file_of(structures(images=["1.2.3", "1.2.4"]))))
    assert header.refers_to == {"1.2.3", "1.2.4"}


@pytest.mark.hazard("HAZ-17")
def test_attributes_are_plain_and_name_no_one(tmp_path: Path) -> None:
    ds = ct(PatientAge="053Y", OtherPatientIDs="P-2", AccessionNumber="A-7", PatientAddress="Street 1")
    ds.ReferringPhysicianName = "House^Gregory"
    ds.EchoTime = "3.5"
    values = read_header(written(tmp_path, file_of(ds))).attributes
    assert values["PatientSex"] == "F"
    assert values["PatientAge"] == "053Y"
    assert values["EchoTime"] == 3.5
    assert values["ImagePositionPatient"] == [0, 0, 1]
    assert values["ReferencedImageSequence"][0]["ReferencedSOPInstanceUID"].endswith(".900")
    said = repr(values)
    for identifying in ("P-1", "P-2", "Doe", "1970", "A-7", "Street", "House", "private"):
        assert identifying not in said
    assert "PixelData" not in values


def test_the_same_data_set_is_recognised_across_plain_encodings(tmp_path: Path) -> None:
    one, other = tmp_path / "1", tmp_path / "2"
    one.write_bytes(file_of(nested(2)))
    other.write_bytes(file_of(nested(2), ImplicitVRLittleEndian))
    assert differences(one, other) == ()
    for change in ({"SeriesDescription": "neck"}, {"PixelData": bytes(512)}, {"Manufacturer": None}):
        other.write_bytes(file_of(ct(**change), ImplicitVRLittleEndian))
        assert next(iter(change)) in differences(one, other)
    inner = nested(2)
    inner.ReferencedSeriesSequence[0].ReferencedSeriesSequence[0].ReferencedSOPInstanceUID = "1.2.4"
    other.write_bytes(file_of(inner, ImplicitVRLittleEndian))
    assert differences(one, other) == ("ReferencedSeriesSequence",)
