"""Rows stand and fall with the change that they record, and the anchor with the rows."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit import AuditCode, AuditEvent, PatientIdentity
from node.audit.tables import AuditIdentity, AuditRow
from node.errors import Permanent

PERSON = Actor.person("physicist", Role)


def held(room: Any) -> list[AuditRow]:
    with room.database.read() as session:
        found = list(session.scalars(select(AuditRow).order_by(AuditRow.sequence)))
        session.expunge_all()
        return found


@BOTH_DATABASES
def test_a_row_holds_what_was_recorded(room: Any) -> None:
    with room.trail.recording() as recording:
        recording.record(
            AuditEvent(
                AuditCode.RUN_RELEASED,
                Actor.peer("PACS", "10.0.0.7"),
                outcome="failure",
                study_uid="1.2.3",
                patient=PatientIdentity("P1", name="Doe^John"),
                correlation="abc",
                details={"reason": "größer", "count": 2},
            )
        )
    (row,) = held(room)
    assert (row.sequence, row.code, row.outcome, row.study_uid) == (1, "run-released", "failure", "1.2.3")
    assert (row.actor_kind, row.actor_name, row.actor_address) == ("peer", "PACS", "10.0.0.7")
    assert row.at == "2026-01-02T03:04:05.000678+00:00"
    assert json.loads(row.details) == {"reason": "größer", "count": 2}
    stated = [getattr(row, column.name) for column in AuditRow.__table__.columns]
    assert not any("Doe" in str(value) or value == "P1" for value in stated)


@BOTH_DATABASES
def test_a_change_that_fails_leaves_no_trace_in_database_or_anchor(room: Any) -> None:
    room.note(2)
    anchor = room.anchor.file.read_bytes()

    def fail() -> None:
        with room.trail.recording() as recording:
            recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON, patient=PatientIdentity("new")))
            recording.session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert room.anchor.file.read_bytes() == anchor
    assert len(held(room)) == 2
    with room.database.read() as session:
        assert session.scalars(select(AuditIdentity).where(AuditIdentity.patient_id == "new")).all() == []
    assert room.verify().valid


@pytest.mark.hazard("HAZ-20")
@BOTH_DATABASES
def test_a_commit_that_fails_is_forgotten_by_the_next_row(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.orm import Session

    room.note(2)
    with monkeypatch.context() as patched:
        patched.setattr(Session, "commit", lambda self: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            room.note(1, start=2)
    assert room.verify().valid
    room.note(2, start=7)
    report = room.verify()
    assert (report.valid, report.anchored, report.rows) == (True, report.found, 4)


def test_details_that_json_cannot_carry_are_refused_at_the_caller(room: Any) -> None:
    with room.trail.recording() as recording:
        for bad in (float("nan"), object()):
            with pytest.raises((ValueError, TypeError)):
                recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON, details={"share": bad}))  # type: ignore[dict-item]
    assert held(room) == []


@BOTH_DATABASES
def test_one_patient_is_one_subject_and_another_spelling_another(room: Any) -> None:
    with room.trail.recording() as recording:
        for name in ("Doe^John", "Doe^John", "Doe^Jon"):
            recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON, patient=PatientIdentity("P1", name=name)))
    subjects = [row.subject for row in held(room)]
    assert subjects[0] == subjects[1] != subjects[2]


@BOTH_DATABASES
def test_the_salt_is_drawn_for_each_subject_and_goes_with_it(room: Any) -> None:
    patient = PatientIdentity("P1", name="Doe^John")

    def note() -> str:
        with room.trail.recording() as recording:
            recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON, patient=patient))
        subject: str = held(room)[-1].subject
        return subject

    first = note()
    assert note() == first
    room.trail.erase(first, PERSON, "request 17")
    assert note() != first, "a hash without a salt would give itself away to whoever tries all numbers"
    with room.database.read() as session:
        assert len(session.scalars(select(AuditIdentity.salt)).one()) == 64


def test_the_anchor_is_flushed_after_the_commit_and_before_anybody_is_answered(
    room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.orm import Session

    room.note(1)
    done: list[str] = []
    flush, commit = os.fdatasync, Session.commit
    monkeypatch.setattr(os, "fdatasync", lambda file: (flush(file), done.append("flush")))
    monkeypatch.setattr(Session, "commit", lambda self: (done.append("commit"), commit(self)))
    room.note(1)
    assert done == ["commit", "flush"]


def test_each_act_is_logged_with_its_study_and_the_trails_mark_and_without_the_patient(
    room: Any, tmp_path: Path, configured_logs: Callable[[], list[dict[str, Any]]]
) -> None:
    with room.trail.recording() as recording:
        recording.record(
            AuditEvent(
                AuditCode.RUN_HELD,
                PERSON,
                study_uid="1.2",
                patient=PatientIdentity("P1", name="Doe^J"),
                correlation="c0",
            )
        )
    act, mark = configured_logs()
    assert (act["event"], act["act"], act["study_uid"], act["correlation"]) == ("audited", "run-held", "1.2", "c0")
    report = room.verify()
    assert (mark["count"], mark["head"]) == (report.found.count, report.found.head)
    assert "Doe" not in json.dumps(act)
    assert "withheld" not in act


def _write(folder: Path, url: str, factory: Callable[..., Any], start: int, count: int) -> None:
    factory(folder, url).note(count, start)


@BOTH_DATABASES
def test_many_processes_write_one_chain(room: Any, room_factory: Callable[..., Any]) -> None:
    context = multiprocessing.get_context("fork")
    room.database.close()
    writers = [
        context.Process(target=_write, args=(room.folder, room.database.url, room_factory, 100 * number, 15))
        for number in range(4)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        while writer.is_alive():
            assert room.verify().valid, "a verification beside running writers sees one moment"
            writer.join(0.05)
    assert [writer.exitcode for writer in writers] == [0] * 4
    report = room.verify()
    assert (report.valid, report.rows) == (True, 60)


@pytest.mark.hazard("HAZ-12", "HAZ-19")
@BOTH_DATABASES
def test_a_tampered_trail_takes_no_further_row_until_a_person_begins_another(room: Any) -> None:
    room.note(5)
    room.sql("DELETE FROM audit_rows WHERE sequence = 5")
    with pytest.raises(Permanent) as refused:
        room.note(1)
    assert refused.value.reason.code == "audit-anchor-mismatch"
    assert (refused.value.reason.parameters["found_count"], refused.value.reason.parameters["anchored_count"]) == (4, 5)
    assert len(held(room)) == 4
    room.trail.begin_new_trail("row 5 was deleted", PERSON)
    room.note(2)
    report = room.verify()
    assert (report.valid, report.since, report.rows) == (True, 5, 3)
    opening = held(room)[4]
    details = json.loads(opening.details)
    assert (opening.sequence, opening.code, opening.actor_name) == (6, "trail-begun", "physicist")
    assert (details["reason"], details["old_count"], details["found_count"]) == ("row 5 was deleted", 5, 4)


@pytest.mark.hazard("HAZ-12")
@BOTH_DATABASES
def test_what_an_earlier_trail_left_cannot_be_changed_either(room: Any) -> None:
    room.note(5)
    room.sql("DELETE FROM audit_rows WHERE sequence = 5")
    room.trail.begin_new_trail("row 5 was deleted", PERSON)
    room.sql("UPDATE audit_rows SET actor_name = 'x' WHERE sequence = 2")
    (finding,) = room.verify().findings
    assert (finding.reason.code, finding.first, finding.last) == ("audit-closed-changed", 1, 5)


def test_a_new_database_goes_on_from_the_old_head(
    room: Any, tmp_path: Path, room_factory: Callable[[Path], Any]
) -> None:
    room.note(4)
    old = room.verify().found
    room.database.close()
    for file in room.folder.glob("node.db*"):
        file.unlink()
    (finding,) = room.verify().findings
    assert (finding.reason.code, finding.first, finding.last) == ("audit-database-empty", 1, 4)
    assert not (room.folder / "node.db").exists()
    rebuilt = room_factory(room.folder)
    (finding,) = rebuilt.verify().findings
    assert (finding.reason.code, finding.first, finding.last) == ("audit-database-empty", 1, 4)
    with pytest.raises(Permanent):
        rebuilt.note(1)
    rebuilt.trail.begin_new_trail("database lost", PERSON)
    rebuilt.note(1)
    first = held(rebuilt)[0]
    assert (first.sequence, first.previous_hash) == (5, old.head)
    assert json.loads(first.details)["old_head"] == old.head
    assert rebuilt.verify().valid
    rebuilt.sql("DELETE FROM audit_rows")
    (finding,) = rebuilt.verify().findings
    assert (finding.reason.code, finding.first, finding.last) == ("audit-database-empty", 5, 6)
    rebuilt.database.close()


@pytest.mark.hazard("HAZ-17")
@BOTH_DATABASES
def test_erased_identifiers_are_gone_and_the_chain_still_verifies(room: Any) -> None:
    room.note(6)
    subject = held(room)[1].subject
    room.trail.erase(subject, PERSON, "request 17")
    assert room.verify().valid
    with room.database.read() as session:
        assert session.get(AuditIdentity, subject) is None
    last = held(room)[-1]
    assert (last.code, last.subject, last.actor_name) == ("identity-erased", subject, "physicist")
    with pytest.raises(Permanent, match="audit-subject-unknown"):
        room.trail.erase(subject, PERSON, "again")


@pytest.mark.hazard("HAZ-17")
def test_erased_identifiers_stand_nowhere_in_the_data_folder(room: Any) -> None:
    room.note(6)
    room.trail.erase(held(room)[1].subject, PERSON, "request 17")
    room.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    room.database.close()
    content = b"".join(file.read_bytes() for file in room.folder.rglob("*") if file.is_file())
    assert b"Doe^Jo1" not in content
    assert b"Doe^Jo2" in content


@BOTH_DATABASES
@pytest.mark.timeout(60)
def test_two_changes_of_one_row_at_once_do_not_wait_for_each_other_for_ever(room: Any) -> None:
    room.note(1)
    first_is_in = Event()

    def change_first() -> None:
        with room.trail.recording() as recording:
            recording.session.scalars(select(AuditIdentity)).one().salt = "first"
            recording.session.flush()
            recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON))
            first_is_in.set()
            sleep(0.5)  # the second has the anchor by then, if it does not wait for the first

    def change_second() -> None:
        with room.trail.recording() as recording:
            recording.session.scalars(select(AuditIdentity)).one().salt = "second"
            recording.record(AuditEvent(AuditCode.RUN_HELD, PERSON))

    threads = [Thread(target=change, daemon=True) for change in (change_first, change_second)]
    threads[0].start()
    assert first_is_in.wait(10)
    threads[1].start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "the two wait for each other"
    assert len(held(room)) == 3
