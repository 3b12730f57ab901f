"""The rejection note: what it says, what it refers to, and what the field's own programs say of it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from derived import DIGEST, derived, source_series
from peers import program
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence

from pipelines.contract import Verdict
from pipelines.errors import UnfitObject
from pipelines.objects.encoding import encode
from pipelines.objects.key_object import Rejection, rejection_note
from pipelines.objects.provenance import is_ours
from pipelines.semantics.check import check_files

AT = datetime(2026, 11, 22, 8, 5, 9, tzinfo=UTC)


def why(description: str = "The jaw is missing.", *, for_safety: bool = False) -> Rejection:
    return Rejection(for_safety, description, AT, "NODE1", "0.1.0")


def result(**attributes: object) -> tuple[Dataset, ...]:
    made = derived(source_series(**attributes))
    return (*made.images, made.structures)


def failed(objects: list[Dataset]) -> dict[str, str]:
    report = check_files(objects)
    return {check.name: check.reason.code for check in report.checks if check.verdict is not Verdict.PASS}


@pytest.mark.parametrize(("for_safety", "title"), [(False, "113001"), (True, "113037")])
def test_it_rejects_every_object_and_says_why(for_safety: bool, title: str) -> None:
    objects = result()
    note = rejection_note(objects, why(for_safety=for_safety), DIGEST)
    assert note.ConceptNameCodeSequence[0].CodeValue == title
    assert [item.TextValue for item in note.ContentSequence if item.ValueType == "TEXT"] == ["The jaw is missing."]
    listed = [
        (study.StudyInstanceUID, series.SeriesInstanceUID, one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID)
        for study in note.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert sorted(listed) == sorted(
        (one.StudyInstanceUID, one.SeriesInstanceUID, one.SOPClassUID, one.SOPInstanceUID) for one in objects
    )
    assert (note.PatientID, note.StudyInstanceUID, note.AccessionNumber) == (
        "PH-0001",
        objects[0].StudyInstanceUID,
        "A-1",
    )
    assert (note.SyntheticData, note.ContentQualification) == ("YES", "RESEARCH")
    assert is_ours(note)
    assert failed([*objects, note]) == {}


def test_the_same_digest_gives_the_same_bytes() -> None:
    objects = result()
    first, second = (encode(rejection_note(objects, why(), DIGEST)) for _ in range(2))
    assert first == second
    other = rejection_note(objects, why(), "ef" * 32)
    assert other.SOPInstanceUID != dcmread(BytesIO(first)).SOPInstanceUID


@pytest.mark.parametrize("stated", ["ISO_IR 100", None])
def test_a_reason_in_any_script_is_read_as_it_was_written(stated: str | None) -> None:
    name = "Müller^Jörg" if stated else "Mueller^Joerg"
    attributes = {"SpecificCharacterSet": stated} if stated else {}
    objects = result(PatientName=name, **attributes)
    for description in ("Kiefer fehlt, größer", "下颌缺失"):
        read = dcmread(BytesIO(encode(rejection_note(objects, why(description), DIGEST))))
        assert next(item.TextValue for item in read.ContentSequence if item.ValueType == "TEXT") == description
        assert str(read.PatientName) == name


def test_what_cannot_be_rejected_is_refused() -> None:
    objects = result()
    elsewhere = Dataset(dict(objects[0].items()))
    elsewhere.StudyInstanceUID = "1.2.3"
    for given, description, code in (
        ((), "why", "rejection-without-objects"),
        (objects, "  ", "rejection-without-description"),
        ((*objects, elsewhere), "why", "rejection-of-several-studies"),
    ):
        with pytest.raises(UnfitObject, match=code):
            rejection_note(given, why(description), DIGEST)


def test_each_breach_is_found_by_its_rule() -> None:
    objects = list(result())

    def broken(change: str) -> Dataset:
        note = rejection_note(objects, why(), DIGEST)
        if change == "title":
            note.ConceptNameCodeSequence[0].CodeValue = "113000"
        elif change == "description":
            note.ContentSequence = Sequence([item for item in note.ContentSequence if item.ValueType != "TEXT"])
        elif change == "evidence":
            del note.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        elif change == "patient":
            note.PatientID = "PH-0002"
        elif change == "mark":
            del note.ContentQualification
        return note

    assert failed([*objects, broken("title")]) == {"rejection-explained": "object-rejection-title"}
    assert failed([*objects, broken("description")]) == {"rejection-explained": "object-rejection-unexplained"}
    assert failed([*objects, broken("evidence")]) == {"rejection-complete": "object-rejection-unlisted"}
    assert failed([*objects, broken("patient")]) == {"identity-carried": "object-identity-differs"}
    assert failed([*objects, broken("mark")]) == {"synthetic-marked": "object-mark-missing"}
    assert failed([*objects[:-1], broken("")]) == {"rejection-complete": "object-reference-dangling"}
    note = rejection_note(objects[:-1], why(), DIGEST)
    assert failed([*objects, note]) == {"rejection-complete": "object-rejection-incomplete"}


@pytest.mark.peer("dciodvfy", "dcmtk")
@pytest.mark.parametrize("for_safety", [False, True])
def test_dciodvfy_finds_no_error_and_dsrdump_reads_it(tmp_path: Path, for_safety: bool) -> None:
    file = tmp_path / "note.dcm"
    file.write_bytes(encode(rejection_note(result(), why(for_safety=for_safety), DIGEST)))
    done = subprocess.run([program("dciodvfy"), file], capture_output=True, text=True, check=False, timeout=60)
    lines = (done.stdout + done.stderr).splitlines()
    assert any("KeyObjectSelectionDocument" in line for line in lines), lines
    assert [one for one in lines if one.startswith(("Error", "Warning")) and "99SYNTHNODE" not in one] == []
    read = subprocess.run([program("dsrdump"), file], capture_output=True, text=True, check=True, timeout=60)
    assert ("Patient Safety" if for_safety else "Quality") in read.stdout
    assert "The jaw is missing." in read.stdout
