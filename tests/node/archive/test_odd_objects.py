"""Objects that are odd, broken, resent or legal without pixels: each is filed or set apart, and the others go on."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from evidence import Rounds
from part10 import data_set_bytes
from postgresql import BOTH_DATABASES
from pydicom import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    CTImageStorage,
    MRSpectroscopyStorage,
    RawDataStorage,
    RLELossless,
)
from small_dicom import ROOT, SERIES, STUDY, ct, file_of

from node.archive.tables import InstanceRow, PatientRow, QuarantineRow
from node.states import StudyState

pytestmark = BOTH_DATABASES

Bench = Any


def body(ds: Dataset) -> bytes:
    return data_set_bytes(file_of(ds))


def spliced(tag: int, vr: bytes, value: bytes) -> bytes:
    """Return a slice's data set with one more element, as its bytes say."""
    long = vr in (b"OB", b"SQ", b"UN", b"OF")
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    element = head + (struct.pack("<HL", 0, len(value)) if long else struct.pack("<H", len(value))) + value
    content = body(ct(1))
    at = content.index(struct.pack("<HH2s", 0x0028, 0x0002, b"US"))
    return content[:at] + element + content[at:]


def settle(bench: Bench, state: StudyState = StudyState.ROUTED) -> None:
    with bench.database.write() as session:
        from node.archive.tables import StudyRow

        session.get_one(StudyRow, STUDY).state = state


ODD = {
    "a double of four bytes": spliced(0x00189087, b"FD", b"\0\0\0\0"),
    "nonsense in a sequence": spliced(0x00209222, b"SQ", b"\x01\x02\x03\x04\x05\x06\x07\x08"),
    "a short of three bytes": spliced(0x00189073, b"FD", b"abc"),
    "an integer that is a word": spliced(0x00200013, b"IS", b"first "),
    "a date that is none": spliced(0x00201041, b"DS", b"not a number"),
    "letters that no character set has": spliced(0x00204000, b"LT", b"\xff\xfe\xff\xfe"),
}


@pytest.mark.hazard("HAZ-24", "HAZ-11")
@pytest.mark.parametrize("content", ODD.values(), ids=ODD.keys())
def test_an_odd_value_stops_nothing(bench: Bench, content: bytes) -> None:
    bench.receive_bytes(content, f"{SERIES}.1", CTImageStorage)
    bench.receive(ct(2))
    bench.take_in()
    assert f"{SERIES}.2" in {row.sop_instance_uid for row in bench.instances()}
    assert len(bench.instances()) + len(bench.quarantine()) == 2


@pytest.mark.hazard("HAZ-24", "HAZ-11")
@pytest.mark.suite("odd-objects", quick=150, full=5_000)
def test_flipped_bytes_are_filed_or_set_apart_and_the_next_good_one_is_filed(bench: Bench, rounds: Rounds) -> None:
    content = body(ct(1))
    header = content.index(struct.pack("<HH", 0x7FE0, 0x0010))
    for number, chance in enumerate(rounds):
        changed = bytearray(content)
        for _ in range(chance.choice([1, 2, 4, 16])):
            changed[chance.randrange(header)] = chance.randrange(256)
        bench.receive_bytes(bytes(changed), f"{SERIES}.1", CTImageStorage, sender=bench.sender(f"a{number}"))
    bench.receive(ct(2, study=f"{ROOT}.7", series=f"{ROOT}.7.1", PatientID="P-7"))
    bench.take_in()
    assert bench.rows(InstanceRow, sop_instance_uid=f"{ROOT}.7.1.2")


@pytest.mark.hazard("HAZ-24", "HAZ-11")
def test_what_cannot_be_entered_for_any_reason_is_set_apart_and_its_batch_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    from node.archive.filing import Filing

    real = Filing._study

    def faulty(self: Filing, header: Any, *rest: Any) -> Any:
        if header.sop_instance_uid.endswith(".2"):
            real(self, header, *rest)
            raise RuntimeError("a fault of ours")
        return real(self, header, *rest)

    monkeypatch.setattr(Filing, "_study", faulty)
    bench.receive(ct(1), ct(2), ct(3))
    bench.take_in()
    assert bench.quarantine() == [("instance-not-filed", f"{SERIES}.2")]
    assert {row.sop_instance_uid for row in bench.instances()} == {f"{SERIES}.1", f"{SERIES}.3"}
    monkeypatch.setattr(Filing, "_study", real)
    bench.receive(ct(2))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is not None


@pytest.mark.hazard("HAZ-24")
def test_a_sequence_of_a_million_empty_items_is_not_read(bench: Bench) -> None:
    items = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 300_000
    bench.receive_bytes(spliced(0x00209222, b"SQ", items), f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    assert bench.quarantine() == [("instance-too-complex", f"{SERIES}.1")]


def test_nul_in_names_is_no_part_of_them(bench: Bench) -> None:
    content = body(ct(1)).replace(b"Doe^Jane", b"Doe^\0ane")
    bench.receive_bytes(content, f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    assert [row.name for row in bench.rows(PatientRow)] == ["Doe^ane"]


@pytest.mark.parametrize("sop_class", [MRSpectroscopyStorage, RawDataStorage, ComprehensiveSRStorage])
def test_a_legal_object_without_pixels_is_filed(bench: Bench, sop_class: str) -> None:
    rows = {} if sop_class == ComprehensiveSRStorage else {"Rows": 16}
    bench.receive(ct(1), ct(2, series=f"{ROOT}.1.2", SOPClassUID=sop_class, PixelData=None, **rows))
    bench.take_in()
    assert bench.quarantine() == []
    assert len(bench.instances()) == 2


def test_an_image_without_pixels_is_still_a_cut_one(bench: Bench) -> None:
    bench.receive(ct(1, PixelData=None))
    bench.take_in()
    assert bench.quarantine() == [("instance-attribute-missing", f"{SERIES}.1")]


def out_of_order(content: bytes) -> bytes:
    at = content.index(struct.pack("<HH", 0x0010, 0x0010))
    return content[:at] + struct.pack("<HH2sH", 0x0029, 0x0010, b"LO", 8) + b"TESTING " + content[at:]


@pytest.mark.parametrize("untidy", [lambda content: content + bytes(16), out_of_order], ids=["padded", "out of order"])
def test_untidy_files_are_taken_as_they_came(bench: Bench, untidy: Callable[[bytes], bytes]) -> None:
    content = untidy(body(ct(1)))
    bench.receive_bytes(content, f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    assert bench.quarantine() == []
    (row,) = bench.instances()
    assert bench.files.path(row.location).read_bytes().endswith(content)


def test_an_attribute_that_comes_twice_is_read_in_two_ways_and_set_apart(bench: Bench) -> None:
    at = (content := body(ct(1))).index(struct.pack("<HH", 0x0010, 0x0020))
    twice = content[:at] + struct.pack("<HH2sH", 0x0010, 0x0020, b"LO", 4) + b"P-2 " + content[at:]
    bench.receive_bytes(twice, f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    assert bench.quarantine() == [("instance-unreadable", f"{SERIES}.1")]


def test_a_uid_that_is_too_long_is_shown_whole(bench: Bench) -> None:
    long = "1.2." + "7" * 62
    bench.receive(ct(1, series=long, SOPInstanceUID=f"{SERIES}.1"))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.reason_parameters == {"attribute": "SeriesInstanceUID", "found": long}


def resent(ds: Dataset) -> Dataset:
    ds.RetrieveAETitle, ds.InstanceAvailability = "PACS", "ONLINE"
    ds.StorageMediaFileSetUID = "1.2.3"
    ds.add_new(0x00330010, "LO", "ARCHIVE")
    ds.add_new(0x00331001, "LO", "kept")
    return ds


@pytest.mark.hazard("HAZ-18")
def test_where_an_archive_keeps_an_object_makes_no_other_object_of_it(bench: Bench) -> None:
    bench.receive(ct(1), resent(ct(1)))
    bench.take_in()
    assert bench.quarantine() == []
    assert len(bench.instances()) == 1


def compressed(ds: Dataset) -> tuple[bytes, str]:
    file_of(ds)
    ds.compress(RLELossless, generate_instance_uid=False)
    return data_set_bytes(file_of(ds, RLELossless)), RLELossless


@pytest.mark.hazard("HAZ-18")
@pytest.mark.parametrize(("number", "apart"), [(1, 0), (5, 1)], ids=["the same pixels", "others"])
def test_a_losslessly_compressed_copy_is_the_same_object_if_its_pixels_are(
    bench: Bench, number: int, apart: int
) -> None:
    bench.receive(ct(1))
    bench.take_in()
    other = ct(1)
    other.PixelData = ct(number).PixelData
    content, syntax = compressed(other)
    bench.receive_bytes(content, f"{SERIES}.1", CTImageStorage, syntax=syntax)
    bench.take_in()
    assert len(bench.quarantine()) == apart
    if apart:
        (row,) = bench.rows(QuarantineRow)
        assert row.reason_parameters["differing"] == "PixelData"


@pytest.mark.hazard("HAZ-08", "HAZ-18")
def test_a_conflict_after_settling_opens_the_study_again(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    bench.take_in()
    settle(bench)
    bench.receive(ct(1, SeriesDescription="another"))
    bench.take_in()
    study = bench.study()
    assert (study.state, study.revision) == (StudyState.RECEIVING, 2)
    assert len(bench.audit("study-revised")) == 1


@pytest.mark.hazard("HAZ-11")
def test_a_study_of_which_all_was_set_apart_has_a_row_and_takes_its_patient_from_what_comes_whole(bench: Bench) -> None:
    bench.receive_bytes(body(ct(1))[:-100], f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    assert (bench.study().study_uid, bench.study().state) == (STUDY, StudyState.RECEIVING)
    bench.receive(ct(1))
    bench.take_in()
    assert bench.quarantine() == [("instance-truncated", f"{SERIES}.1")]
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is not None
    assert bench.study().patient.patient_id == "P-1"


@pytest.mark.parametrize("mend", ["uid", "class"])
def test_what_was_misnamed_is_over_when_it_comes_rightly_named(bench: Bench, mend: str) -> None:
    if mend == "uid":
        bench.receive_bytes(body(ct(1)), f"{SERIES}.77", CTImageStorage)
    else:
        bench.receive_bytes(body(ct(1)), f"{SERIES}.1", MRSpectroscopyStorage)
    bench.receive(ct(1))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is not None
    assert apart.settled_by.startswith("sent again as ")


@pytest.mark.hazard("HAZ-11", "HAZ-18", "HAZ-08")
def test_another_image_under_one_of_its_two_uids_does_not_settle_what_was_misnamed(bench: Bench) -> None:
    bench.receive_bytes(body(ct(1, SOPInstanceUID=f"{SERIES}.2")), f"{SERIES}.1", CTImageStorage)
    bench.receive(ct(2))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is None, "image 2 came, but what lies apart is image 1"
    bench.receive(ct(1))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is not None


@pytest.mark.hazard("HAZ-11")
def test_a_cut_copy_after_a_whole_one_is_settled_by_a_whole_one_and_the_study_is_decided_again(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    bench.take_in()
    settle(bench)
    bench.receive_bytes(body(ct(1))[:-100], f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    settle(bench, StudyState.UNROUTED)
    bench.receive(ct(1))
    bench.take_in()
    (apart,) = bench.rows(QuarantineRow)
    assert apart.settled_at is not None
    assert (bench.study().state, bench.study().revision) == (StudyState.RECEIVING, 3)
    settle(bench)
    bench.receive(ct(1))
    bench.take_in()
    assert (bench.study().state, bench.study().revision) == (StudyState.ROUTED, 3), "once more changes nothing"


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize("nobody", [None, "0000", "UNKNOWN", "N/A"])
def test_names_tell_patients_apart_where_the_id_names_nobody(bench: Bench, nobody: str | None) -> None:
    bench.receive(ct(1, PatientID=nobody), ct(2, PatientID=nobody, PatientName="DOE^JANE "))
    bench.receive(ct(3, PatientID=nobody, PatientName="Roe^Richard"))
    bench.take_in()
    assert bench.quarantine() == [("conflicting-patient", f"{SERIES}.3")]
    (apart,) = bench.rows(QuarantineRow)
    assert apart.reason_parameters["attributes"] == "PatientName"
