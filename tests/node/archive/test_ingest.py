"""From receipts to the catalogue: what opens a study, what reopens one, what is set apart, what is audited."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from part10 import data_set_bytes
from postgresql import BOTH_DATABASES
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, MRImageStorage
from small_dicom import ROOT, SERIES, STUDY, ct, file_of, marked_own, structures

from node.archive.catalogue import Catalogue
from node.archive.tables import InstanceRow, JournalPositionRow, PatientRow, QuarantineRow, ReceiptRow, SeriesRow
from node.states import StudyState

pytestmark = BOTH_DATABASES

Bench = Any

NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def settle(bench: Bench, state: StudyState = StudyState.ROUTED) -> None:
    with bench.database.write() as session:
        study = Catalogue(session).study(STUDY)
        assert study is not None
        study.state = state


def test_a_study_is_opened_by_its_first_instance(bench: Bench, walk: Any) -> None:
    bench.receive(ct(1), ct(2))
    with walk("two instances filed"):
        assert bench.take_in() == 3
    study = bench.study()
    assert (study.state, study.revision, study.reason_code) == ("receiving", 1, None)
    assert (study.calling_ae, study.called_ae) == ("SCANNER", "SYNTHNODE")
    assert study.last_instance_at - study.first_received_at == timedelta(seconds=1)
    assert len(study.correlation_id) == 32
    assert {row.sop_instance_uid for row in bench.instances()} == {f"{SERIES}.1", f"{SERIES}.2"}
    (series,) = bench.rows(SeriesRow)
    assert (series.modality, series.attributes["InstanceNumber"], series.origin) == ("CT", 1, "received")
    (patient,) = bench.rows(PatientRow)
    assert (patient.patient_id, patient.name) == ("P-1", "Doe^Jane")


def test_reading_the_journal_again_changes_nothing(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    bench.close()
    bench.take_in()
    with bench.database.write() as session:
        session.delete(session.get_one(JournalPositionRow, "receive"))
    before = [row.sha256 for row in bench.instances()]
    assert bench.take_in() == 4
    assert [row.sha256 for row in bench.instances()] == before
    assert bench.study().revision == 1
    assert bench.quarantine() == []


def test_nothing_new_is_nothing_to_do(bench: Bench) -> None:
    bench.take_in()
    assert bench.ingest.step() == 0
    assert bench.audit("instances-received") == []


@pytest.mark.hazard("HAZ-01")
def test_a_batch_that_fails_is_taken_up_again_whole(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.receive(ct(1), ct(2))
    bench.close()

    def fail(*_: object) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr("node.archive.ingest.Ingest._advance", fail)
        with pytest.raises(RuntimeError):
            bench.ingest.step()
    assert bench.instances() == []
    assert bench.audit("instances-received") == []
    bench.take_in()
    assert len(bench.instances()) == 2
    assert len(bench.audit("instances-received")) == 1


def test_one_audit_row_an_association_and_study(bench: Bench) -> None:
    other = f"{ROOT}.2"
    bench.receive(ct(1), ct(2), ct(1), ct(1, study=other, series=f"{other}.1"))
    bench.take_in()
    assert bench.audit("instances-received") == []
    bench.close()
    bench.take_in()
    rows = {row.study_uid: row for row in bench.audit("instances-received")}
    assert set(rows) == {STUDY, other}
    details = json.loads(rows[STUDY].details)
    assert (details["filed"], details["duplicates"], details["quarantined"], details["end"]) == (2, 1, 0, "released")
    assert (rows[STUDY].actor_kind, rows[STUDY].actor_name) == ("peer", "SCANNER")
    assert rows[STUDY].subject is not None
    assert bench.rows(ReceiptRow) == []


def test_what_a_dead_receiver_left_open_is_closed_by_its_next_start(bench: Bench) -> None:
    bench.receive(ct(1))
    bench.take_in()
    bench.restart_receiver()
    bench.receive(ct(2), sender=bench.sender("a2"))
    bench.take_in()
    (row,) = bench.audit("instances-received")
    assert json.loads(row.details)["end"] == "lost"
    assert [receipt.association_id for receipt in bench.rows(ReceiptRow)] == ["a2"]


def test_the_same_instance_again_is_a_duplicate(bench: Bench) -> None:
    bench.receive(ct(1))
    bench.take_in()
    at, revision = bench.study().last_instance_at, bench.study().revision
    settle(bench)
    bench.receive(ct(1), sender=bench.sender("a2"))
    bench.close("a2")
    bench.take_in()
    assert (bench.study().last_instance_at, bench.study().revision) == (at, revision)
    assert bench.study().state == "routed"
    assert json.loads(bench.audit("instances-received")[-1].details)["duplicates"] == 1


def test_the_same_data_set_in_another_plain_encoding_is_a_duplicate(bench: Bench) -> None:
    bench.receive(ct(1))
    bench.receive(ct(1), syntax=ImplicitVRLittleEndian)
    bench.take_in()
    assert len(bench.instances()) == 1
    assert bench.quarantine() == []


@pytest.mark.hazard("HAZ-08")
@pytest.mark.parametrize("state", [StudyState.ROUTED, StudyState.UNROUTED, StudyState.REBUILT])
def test_a_late_instance_begins_a_revision(bench: Bench, state: StudyState) -> None:
    bench.receive(ct(1))
    bench.take_in()
    settle(bench, state)
    bench.receive(ct(2), ct(3))
    bench.take_in()
    assert (bench.study().state, bench.study().revision) == ("receiving", 2)
    (row,) = bench.audit("study-revised")
    assert json.loads(row.details)["revision"] == 2


def test_a_rebuilt_study_is_begun_again_by_the_same_bytes(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    bench.take_in()
    settle(bench, StudyState.REBUILT)
    bench.receive(ct(2))
    bench.take_in()
    assert (bench.study().state, bench.study().revision) == ("receiving", 2)
    assert bench.study().last_instance_at == bench.clock.now()
    assert len(bench.instances()) == 2
    assert len(bench.audit("study-revised")) == 1


@pytest.mark.hazard("HAZ-18")
@pytest.mark.parametrize("together", [True, False])
def test_one_uid_with_other_bytes_is_set_apart_and_both_files_stay(bench: Bench, together: bool) -> None:
    bench.receive(ct(1))
    if not together:
        bench.take_in()
    bench.receive(ct(1, SeriesDescription="another"))
    bench.close()
    bench.take_in()
    assert bench.quarantine() == [("conflicting-instance", f"{SERIES}.1")]
    (apart,) = bench.rows(QuarantineRow)
    (first,) = bench.instances()
    assert apart.reason_parameters == {
        "first": first.sha256,
        "second": apart.sha256,
        "differing": "SeriesDescription",
    }
    assert bench.files.path(apart.location).exists()
    assert bench.files.path(first.location).exists()
    (row,) = bench.audit("instance-quarantined")
    assert json.loads(row.details) == {"association": "a1", "instances": 1, "reason": "conflicting-instance"}
    bench.receive(ct(1, SeriesDescription="another"))
    bench.take_in()
    assert len(bench.quarantine()) == 1


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize(
    "change", [{"PatientID": "P-2"}, {"PatientID": None}, {"PatientBirthDate": "19800101"}, {"PatientID": ""}]
)
def test_another_patient_in_a_known_study_is_set_apart(bench: Bench, change: dict[str, str | None]) -> None:
    bench.receive(ct(1), ct(2, **change))
    bench.take_in()
    assert bench.quarantine() == [("conflicting-patient", f"{SERIES}.2")]
    (apart,) = bench.rows(QuarantineRow)
    said = json.dumps(apart.reason_parameters)
    assert "P-2" not in said
    assert "1980" not in said


@pytest.mark.parametrize(
    "change", [{"PatientName": "DOE^JANE"}, {"PatientBirthDate": None}, {"IssuerOfPatientID": "HOSPITAL"}]
)
def test_the_same_patient_spelt_otherwise_is_no_conflict(bench: Bench, change: dict[str, str | None]) -> None:
    bench.receive(ct(1), ct(2, **change))
    bench.take_in()
    assert bench.quarantine() == []
    assert len(bench.instances()) == 2


@pytest.mark.hazard("HAZ-02")
def test_two_studies_without_patient_id_are_two_patients(bench: Bench) -> None:
    other = f"{ROOT}.2"
    bench.receive(ct(1, PatientID=None), ct(1, study=other, series=f"{other}.1", PatientID=None))
    bench.take_in()
    assert len(bench.rows(PatientRow)) == 2


@pytest.mark.hazard("HAZ-18")
def test_a_series_in_two_studies_is_set_apart(bench: Bench) -> None:
    bench.receive(ct(1), ct(2, study=f"{ROOT}.2"))
    bench.take_in()
    assert bench.quarantine() == [("conflicting-series", f"{SERIES}.2")]
    assert [row.study_uid for row in bench.rows(SeriesRow)] == [STUDY]


def body(**changes: Any) -> bytes:
    return data_set_bytes(file_of(ct(1, **changes)))


@pytest.mark.parametrize(
    ("content", "uid", "sop_class", "code"),
    [
        (lambda: body()[:-100], f"{SERIES}.1", CTImageStorage, "instance-truncated"),
        (lambda: b"hello, this is text", f"{SERIES}.1", CTImageStorage, "instance-unreadable"),
        (lambda: body(StudyInstanceUID=None), f"{SERIES}.1", CTImageStorage, "instance-attribute-missing"),
        (body, f"{SERIES}.2", CTImageStorage, "instance-uid-mismatch"),
        (body, f"{SERIES}.1", MRImageStorage, "instance-class-mismatch"),
    ],
)
def test_what_cannot_be_used_is_set_apart(
    bench: Bench, content: Callable[[], bytes], uid: str, sop_class: str, code: str
) -> None:
    bench.receive_bytes(content(), uid, sop_class)
    bench.close()
    bench.take_in()
    assert [reason for reason, _ in bench.quarantine()] == [code]
    assert bench.instances() == []
    with bench.database.read() as session:
        catalogue = Catalogue(session)
        assert len([*catalogue.quarantined(None), *catalogue.quarantined(STUDY)]) == 1
    (row,) = bench.audit("instances-received")
    assert json.loads(row.details)["quarantined"] == 1


def test_a_damaged_instance_is_settled_by_a_whole_one(bench: Bench) -> None:
    bench.receive(ct(2))
    bench.receive_bytes(body()[:-100], f"{SERIES}.1", CTImageStorage)
    bench.take_in()
    with bench.database.read() as session:
        assert [row.reason_code for row in Catalogue(session).quarantined(STUDY)] == ["instance-truncated"]
    bench.receive(ct(1))
    bench.take_in()
    with bench.database.read() as session:
        assert Catalogue(session).quarantined(STUDY) == []
        assert Catalogue(session).quarantined(None) == []


def test_a_file_that_is_gone_is_set_apart_and_the_rest_goes_on(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    next((bench.root / "archive").glob("??/*.dcm")).unlink()
    bench.take_in()
    assert [code for code, _ in bench.quarantine()] == ["instance-file-missing"]
    assert len(bench.instances()) == 1


class TestObjectsOfOurOwn:
    """They are filed, and start nothing."""

    OWN = f"{ROOT}.1.5"

    def own(self, number: int) -> Any:
        return marked_own(ct(number, series=self.OWN))

    def test_coming_back_they_reopen_nothing(self, bench: Bench) -> None:
        bench.receive(ct(1))
        bench.take_in()
        settle(bench)
        last = bench.study().last_instance_at
        bench.receive(self.own(1), self.own(2))
        bench.close()
        bench.take_in()
        study = bench.study()
        assert (study.state, study.revision, study.last_instance_at) == ("routed", 1, last)
        assert [row.origin for row in bench.instances()] == ["received", "own", "own"]
        (row,) = bench.audit("own-objects-returned")
        assert json.loads(row.details)["instances"] == 2

    def test_alone_they_never_settle(self, bench: Bench) -> None:
        bench.receive(self.own(1))
        bench.take_in()
        study = bench.study()
        assert (study.state, study.reason_code, study.revision) == ("unrouted", "own-objects-only", 0)
        with bench.database.read() as session:
            assert Catalogue(session).studies_to_settle(bench.clock.now() + timedelta(days=9), NEVER) == []
        bench.receive(ct(1))
        bench.take_in()
        assert (bench.study().state, bench.study().revision) == ("receiving", 1)

    @pytest.mark.parametrize("together", [True, False])
    def test_a_structure_set_drawn_on_them_is_theirs(self, bench: Bench, together: bool) -> None:
        bench.receive(ct(1), self.own(1))
        if not together:
            bench.take_in()
            settle(bench)
        bench.receive(structures(images=[f"{self.OWN}.1"]))
        bench.receive(structures(2, images=[f"{SERIES}.1"], series=f"{ROOT}.1.8"))
        bench.take_in()
        origins = {row.sop_instance_uid: row.origin for row in bench.instances()}
        assert origins[f"{ROOT}.1.9.1"] == "derived-from-own"
        assert origins[f"{ROOT}.1.8.2"] == "received"


@pytest.mark.hazard("HAZ-14")
def test_refused_associations_are_audited(bench: Bench) -> None:
    bench.intake.refused("STRANGER", "SYNTHNODE", "192.0.2.1", "address-unknown")
    for _ in range(3):
        bench.clock.advance(10)
        bench.intake.refused("STRANGER", "SYNTHNODE", "192.0.2.1", "address-unknown")
    bench.clock.advance(31)
    bench.intake.refused("STRANGER", "SYNTHNODE", "192.0.2.1", "address-unknown")
    bench.take_in()
    rows = bench.audit("association-refused")
    assert [json.loads(row.details)["count"] for row in rows] == [1, 4]
    assert {row.outcome for row in rows} == {"failure"}


def test_a_damaged_line_does_not_stop_the_rest(bench: Bench) -> None:
    bench.receive(ct(1), ct(2))
    file = next((bench.root / "journal").glob("*.journal"))
    lines = file.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"SCANNER", b"SCAMMER")
    file.write_bytes(b"".join(lines))
    bench.take_in()
    assert [row.sop_instance_uid for row in bench.instances()] == [f"{SERIES}.2"]


def test_settling_is_asked_by_the_last_instance(bench: Bench) -> None:
    bench.receive(ct(1))
    bench.take_in()
    at = bench.study().last_instance_at
    with bench.database.read() as session:
        catalogue = Catalogue(session)
        assert [study.study_uid for study in catalogue.studies_to_settle(at, NEVER)] == [STUDY]
        assert catalogue.studies_to_settle(at - timedelta(seconds=1), NEVER) == []
        assert catalogue.instance_counts([STUDY]) == {STUDY: 1}
        assert [study.study_uid for study in catalogue.studies()] == [STUDY]
    settle(bench)
    with bench.database.read() as session:
        assert Catalogue(session).studies_to_settle(at, NEVER) == []


def test_two_hundred_instances_take_about_a_second(bench: Bench) -> None:
    bench.receive(*(ct(number) for number in range(1, 201)))
    bench.close()
    began = time.process_time()
    bench.take_in()
    # Processor time, so that other work on the machine does not count; a second, doubled for slow machines.
    assert time.process_time() - began < 2.0
    assert len(bench.rows(InstanceRow)) == 200
