"""Settling what was set apart: taken or discarded by a named person, never against an identity or in silence."""

from __future__ import annotations

from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage, generate_uid
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.tables import InstanceRow, QuarantineRow, SeriesRow, StudyRow
from node.archive.verify import verify
from node.audit.tables import AuditRow
from node.errors import Permanent, Refusal
from node.reasons import text
from node.runs.tables import RunRow
from node.states import RunState, StudyState
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)


def rows(rooms: Any, table: type, **where: Any) -> list[Any]:
    with rooms.node.database.read() as session:
        found = list(session.scalars(select(table).filter_by(**where)))
        session.expunge_all()
        return found


def study(rooms: Any) -> StudyRow:
    (found,) = rows(rooms, StudyRow)
    return found


def entry(rooms: Any, **where: Any) -> QuarantineRow:
    (found,) = rows(rooms, QuarantineRow, **where)
    return found


def last_audit(rooms: Any) -> AuditRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


def inputs(rooms: Any, state: RunState) -> set[str]:
    with rooms.node.database.read() as session:
        (run,) = session.scalars(select(RunRow).filter_by(state=state))
        return {item.sha256 for item in run.inputs}


@pytest.fixture
def conflicting(rooms, mr_study) -> tuple[Any, list[Dataset]]:
    """A computed study of which an image came again with other pixels."""
    images = mr_study(3)
    rooms.file(*images)
    rooms.settle()
    (run,) = rows(rooms, RunRow)
    rooms.compute(run.run_id)
    images[1].PixelData = b"\1" * 8
    images[1].InstanceNumber = "7"
    rooms.file(images[1])
    rooms.settle()
    assert (study(rooms).state, study(rooms).reason_code) == (StudyState.UNROUTED, "study-quarantined")
    return rooms, images


@pytest.mark.hazard("HAZ-18")
def test_a_conflicting_file_that_is_taken_replaces_the_first_and_begins_a_revision(conflicting) -> None:
    rooms, images = conflicting
    before = study(rooms).revision
    (filed,) = rows(rooms, InstanceRow, sop_instance_uid=images[1].SOPInstanceUID)
    apart = entry(rooms)
    settled = rooms.node.quarantine.take([apart.id], PHYSICIST, "the scanner had sent a test image")
    assert settled.revisions == {study(rooms).study_uid: before + 1}
    assert study(rooms).state == StudyState.RECEIVING
    (now,) = rows(rooms, InstanceRow, sop_instance_uid=images[1].SOPInstanceUID)
    assert (now.sha256, now.location, now.instance_number) == (apart.sha256, apart.location, "7")
    replaced = entry(rooms, sha256=filed.sha256)
    assert (replaced.reason_code, replaced.settled_by) == ("instance-replaced", "replaced by person:m.curie")
    assert not verify(rooms.node.files, rooms.node.layout.journal, rooms.node.database).unlisted
    rooms.settle()
    assert study(rooms).state == StudyState.ROUTED
    assert apart.sha256 in inputs(rooms, RunState.QUEUED)
    assert filed.sha256 in inputs(rooms, RunState.SUPERSEDED)


def test_an_entry_that_an_earlier_version_wrote_is_shown_and_taken(conflicting) -> None:
    """It does not say what the two files differ in."""
    rooms, images = conflicting
    with rooms.node.database.write() as session:
        row = session.scalars(select(QuarantineRow)).one()
        row.reason_parameters = {name: row.reason_parameters[name] for name in ("first", "second")}
    apart = entry(rooms)
    assert apart.sha256 in text(Reason(apart.reason_code, apart.reason_parameters))
    rooms.node.quarantine.take([apart.id], PHYSICIST, "the second is right")
    (now,) = rows(rooms, InstanceRow, sop_instance_uid=images[1].SOPInstanceUID)
    assert now.sha256 == apart.sha256


@pytest.mark.hazard("HAZ-11")
def test_a_conflicting_file_that_is_discarded_lets_the_study_be_computed_as_it_was(conflicting) -> None:
    rooms, images = conflicting
    apart = entry(rooms)
    rooms.node.quarantine.discard([apart.id], PHYSICIST, "a copy that was edited by hand")
    assert rooms.node.files.path(apart.location).exists()
    rooms.settle()
    assert study(rooms).state == StudyState.ROUTED
    assert apart.sha256 not in inputs(rooms, RunState.QUEUED)
    rooms.file(images[1])
    assert (study(rooms).state, len(rows(rooms, QuarantineRow))) == (StudyState.ROUTED, 1)


def test_who_settled_what_and_why_is_in_the_audit(conflicting) -> None:
    rooms, _ = conflicting
    apart = entry(rooms)
    rooms.node.quarantine.discard([apart.id], PHYSICIST, "edited by hand")
    row = last_audit(rooms)
    assert (row.code, row.actor_name, row.outcome) == ("quarantine-settled", "m.curie", "success")
    assert '"how":"discarded"' in row.details
    assert "edited by hand" in row.details
    assert entry(rooms).settled_by == "discarded by person:m.curie"


def test_a_change_of_mind_takes_what_was_replaced_or_discarded(conflicting) -> None:
    rooms, images = conflicting
    (filed,) = rows(rooms, InstanceRow, sop_instance_uid=images[1].SOPInstanceUID)
    service, apart = rooms.node.quarantine, entry(rooms)
    service.discard([apart.id], PHYSICIST, "looks edited")
    service.take([apart.id], PHYSICIST, "it is the right one after all")
    with pytest.raises(Refusal, match="quarantine-settled"):
        service.take([apart.id], PHYSICIST, "again")
    service.take([entry(rooms, sha256=filed.sha256).id], PHYSICIST, "no, the first was right")
    (now,) = rows(rooms, InstanceRow, sop_instance_uid=images[1].SOPInstanceUID)
    assert now.sha256 == filed.sha256
    assert len(rows(rooms, QuarantineRow)) == 2


def test_a_series_is_described_by_the_file_that_was_taken(rooms, mr_study) -> None:
    images = mr_study(1, SeriesDescription="T1")
    rooms.file(*images)
    images[0].SeriesDescription, images[0].PixelData = "T1 GD", b"\1" * 8
    rooms.file(*images)
    rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "the second is right")
    (series,), (image,) = rows(rooms, SeriesRow), rows(rooms, InstanceRow)
    assert (image.differing["SeriesDescription"], series.description) == ("T1 GD", "T1 GD")


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize(
    ("changes", "attribute"),
    [
        ({"PatientID": "P2"}, "PatientID"),
        ({"PatientBirthDate": "19800101"}, "PatientBirthDate"),
        ({"SeriesInstanceUID": generate_uid()}, "SeriesInstanceUID"),
        ({"StudyInstanceUID": generate_uid()}, "StudyInstanceUID"),
        ({"SOPClassUID": CTImageStorage}, "SOPClassUID"),
    ],
)
def test_nothing_is_taken_that_states_another_identity(rooms, mr_study, changes: dict, attribute: str) -> None:
    images = mr_study(2)
    rooms.file(*images)
    first = {row.sha256 for row in rows(rooms, InstanceRow)}
    for keyword, value in changes.items():
        setattr(images[1], keyword, value)
    images[1].PixelData = b"\1" * 8
    rooms.file(images[1])
    apart = entry(rooms)
    with pytest.raises(Refusal, match=rf"quarantine-foreign.*{attribute}"):
        rooms.node.quarantine.take([apart.id], PHYSICIST, "I insist")
    assert {row.sha256 for row in rows(rooms, InstanceRow)} == first
    assert entry(rooms).settled_at is None
    assert (last_audit(rooms).code, last_audit(rooms).outcome) == ("quarantine-settled", "failure")


@pytest.mark.hazard("HAZ-02")
def test_a_new_image_of_another_patient_is_not_taken_but_can_be_discarded(rooms, mr_study) -> None:
    images = mr_study(2)
    rooms.file(*images)
    rooms.file(*mr_study(1, StudyInstanceUID=images[0].StudyInstanceUID, PatientID="P2"))
    with pytest.raises(Refusal, match=r"quarantine-foreign.*PatientID"):
        rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "I insist")
    rooms.node.quarantine.discard([entry(rooms).id], PHYSICIST, "another patient's: the scanner was told")
    rooms.settle()
    assert study(rooms).state == StudyState.ROUTED


@pytest.mark.hazard("HAZ-01")
def test_a_file_that_was_sent_under_a_wrong_name_is_taken_under_its_own(rooms, mr_study) -> None:
    images = mr_study(3)
    rooms.file(*images[:2])
    misnamed, own_uid = images[2], images[2].SOPInstanceUID
    rooms.file(misnamed, stated_uid=generate_uid())
    assert entry(rooms).reason_code == "instance-uid-mismatch"
    rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "the console names them wrongly")
    assert [row.sop_instance_uid for row in rows(rooms, InstanceRow, sop_instance_uid=own_uid)] == [own_uid]
    rooms.settle()
    assert len(inputs(rooms, RunState.QUEUED)) == 3


@pytest.mark.hazard("HAZ-24")
def test_what_is_cut_or_damaged_is_never_taken(rooms, mr_study) -> None:
    images = mr_study(2)
    images[1].PixelData = b"\0" * 4
    rooms.file(*images)
    with pytest.raises(Refusal, match=r"quarantine-unreadable.*pixel-data-short"):
        rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "I insist")
    file = rooms.node.files.path(entry(rooms).location)
    file.write_bytes(file.read_bytes()[:-1] + b"\7")
    with pytest.raises(Permanent, match="file-damaged"):
        rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "I insist")


@pytest.mark.hazard("HAZ-13")
def test_another_copy_of_an_object_of_our_own_is_never_taken(rooms, mr_study) -> None:
    images = mr_study(2)
    rooms.file(*images)
    rooms.settle()
    (run,) = rows(rooms, RunRow)
    rooms.compute(run.run_id)
    with rooms.node.database.read() as session:
        made = session.get_one(RunRow, run.run_id).objects[0].location
    altered = dcmread(rooms.node.files.path(made))
    altered.PixelData = b"\1" * 8
    rooms.file(altered)
    with pytest.raises(Refusal, match="quarantine-own-object"):
        rooms.node.quarantine.take([entry(rooms).id], PHYSICIST, "it looks better")
    before = study(rooms).revision
    assert rooms.node.quarantine.discard([entry(rooms).id], PHYSICIST, "no input").revisions == {}
    assert (study(rooms).revision, study(rooms).state) == (before, StudyState.ROUTED)


@pytest.mark.hazard("HAZ-08")
def test_of_several_entries_all_are_settled_or_none(conflicting) -> None:
    rooms, images = conflicting
    images[2].PixelData = b"\2" * 8
    images[2].PatientID = "P2"
    rooms.file(images[2])
    numbers = [row.id for row in rows(rooms, QuarantineRow)]
    with pytest.raises(Refusal, match="quarantine-foreign"):
        rooms.node.quarantine.take(numbers, PHYSICIST, "all of them")
    assert {row.settled_at for row in rows(rooms, QuarantineRow)} == {None}
    rooms.settle()
    assert study(rooms).reason_code == "study-quarantined"


def test_only_a_named_person_with_a_reason_settles(conflicting) -> None:
    rooms, _ = conflicting
    apart = entry(rooms)
    for act in (rooms.node.quarantine.take, rooms.node.quarantine.discard):
        with pytest.raises(Refusal, match="access-not-a-person"):
            act([apart.id], Actor.timer("settling"), "because")
        with pytest.raises(Refusal, match="quarantine-needs-reason"):
            act([apart.id], PHYSICIST, " ")
        with pytest.raises(Refusal, match="quarantine-unknown"):
            act([apart.id + 7], PHYSICIST, "because")
    assert entry(rooms).settled_at is None


@pytest.mark.hazard("HAZ-13")
@pytest.mark.parametrize("known_study", [True, False])
def test_an_own_object_that_is_set_apart_holds_up_no_study_and_makes_none(rooms, mr_study, known_study: bool) -> None:
    rooms.file(*mr_study(3))
    rooms.settle()
    (run,) = rows(rooms, RunRow)
    rooms.compute(run.run_id)
    (made,) = [row for row in rows(rooms, InstanceRow) if row.origin == "own"]
    altered = dcmread(rooms.node.files.path(made.location))
    altered.SOPInstanceUID = altered.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    if known_study:
        altered.PatientID = "COERCED"
    else:  # its series is known to be another study's
        altered.StudyInstanceUID = generate_uid()
    rooms.file(altered)
    assert entry(rooms).origin == "own"
    assert (study(rooms).state, study(rooms).revision) == (StudyState.ROUTED, 1)
    with rooms.node.database.read() as session:
        assert rooms.node.freshness.reason_against(session, study(rooms).study_uid, 1) is None
