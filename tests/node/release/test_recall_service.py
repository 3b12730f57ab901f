"""The recall service: what was released is taken back, what was not never leaves, and nobody does it without a name."""

from __future__ import annotations

import json

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.tables import InstanceRow, StudyRow
from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.database import change_state
from node.deliver.tables import DeliveryRow, Purpose
from node.errors import Permanent, Refusal
from node.release.tables import RecallRow
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState, StudyState

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
PLANNER = Actor.person("p.lanner", [Role.PLANNER])


def held(rooms, mr_study) -> RunRow:
    rooms.file(*mr_study())
    rooms.settle()
    run_id = run(rooms).run_id
    rooms.compute(run_id)
    return run(rooms)


def run(rooms) -> RunRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow)).one()


def delivered(rooms, mr_study) -> RunRow:
    """A result of which its one destination took every object."""
    result = held(rooms, mr_study)
    rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    with rooms.node.database.write() as session:
        delivery = session.scalars(select(DeliveryRow)).one()
        change_state(session, delivery, DeliveryState.SENDING)
        for item in delivery.items:
            item.status, item.recorded_at = 0, rooms.clock.now()
        change_state(session, delivery, DeliveryState.DELIVERED)
        change_state(session, session.get_one(RunRow, result.run_id), RunState.DELIVERED)
    return run(rooms)


def notes(rooms) -> list[DeliveryRow]:
    with rooms.node.database.read() as session:
        return list(session.scalars(select(DeliveryRow).where(DeliveryRow.purpose == Purpose.REJECTION)))


def last_audit(rooms) -> AuditRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


@pytest.mark.hazard("HAZ-26")
def test_it_is_recorded_by_whom_why_and_who_gets_the_note(rooms, mr_study) -> None:
    result = delivered(rooms, mr_study)
    rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing", for_safety=True)
    assert (run(rooms).state, run(rooms).reason_code) == (RunState.RECALLED, "run-recalled")
    with rooms.node.database.read() as session:
        row = session.get_one(RecallRow, result.run_id)
        assert (row.recalled_by, row.reason, row.for_safety, row.replaced_by) == (
            "m.curie",
            "the jaw is missing",
            True,
            None,
        )
        assert session.get_one(InstanceRow, row.sop_instance_uid).origin == "own"
    audit = last_audit(rooms)
    assert (audit.code, audit.actor_name, json.loads(audit.details)["notified"]) == (
        "run-recalled",
        "m.curie",
        ["research"],
    )
    assert verify(rooms.node.database, rooms.node.anchor).valid


@pytest.mark.hazard("HAZ-26")
def test_what_is_held_or_queued_never_leaves(rooms, mr_study) -> None:
    result = held(rooms, mr_study)
    done = rooms.node.recalls.recall(result.study_uid, PHYSICIST, "wrong patient on the table")
    assert (done.withdrawn, done.superseded) == ((), (result.run_id,))
    assert (run(rooms).state, run(rooms).reason_code) == (RunState.SUPERSEDED, "study-recalled")
    with pytest.raises(Refusal, match="state-transition"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")


@pytest.mark.hazard("HAZ-26")
def test_a_second_recall_finds_nothing(rooms, mr_study) -> None:
    result = delivered(rooms, mr_study)
    rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing")
    with pytest.raises(Refusal, match="recall-nothing"):
        rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing")
    assert len(notes(rooms)) == 1
    assert last_audit(rooms).code == "recall-refused"


@pytest.mark.hazard("HAZ-26")
def test_two_at_once_recall_once(rooms, mr_study) -> None:
    study_uid = delivered(rooms, mr_study).study_uid
    ends = rooms.at_once(*[lambda node: node.recalls.recall(study_uid, PHYSICIST, "the jaw is missing")] * 2)
    assert sorted(ends) == ["", "recall-nothing"]
    assert len(notes(rooms)) == 1


@pytest.mark.hazard("HAZ-26")
@pytest.mark.parametrize("actor", [Actor.timer("settling"), PLANNER])
def test_only_a_person_with_the_permission_recalls(rooms, mr_study, actor: Actor) -> None:
    result = delivered(rooms, mr_study)
    with pytest.raises(Refusal, match="access-"):
        rooms.node.recalls.recall(result.study_uid, actor, "because")
    assert run(rooms).state == RunState.DELIVERED
    assert last_audit(rooms).code == "recall-refused"


def test_it_needs_a_reason_and_something_to_recall(rooms, mr_study) -> None:
    result = delivered(rooms, mr_study)
    with pytest.raises(Refusal, match="recall-needs-reason"):
        rooms.node.recalls.recall(result.study_uid, PHYSICIST, " ")
    with pytest.raises(Refusal, match="recall-nothing"):
        rooms.node.recalls.recall("1.2.3", PHYSICIST, "why")
    with pytest.raises(Refusal, match="run-unknown"):
        rooms.node.recalls.recall(result.study_uid, PHYSICIST, "why", run_id="none")
    with pytest.raises(Refusal, match="run-of-other-study"):
        rooms.node.recalls.recall("1.2.3", PHYSICIST, "why", run_id=result.run_id)


@pytest.mark.hazard("HAZ-26")
def test_lost_files_do_not_keep_a_result_from_being_recalled(rooms, mr_study) -> None:
    rooms.pipeline.slices = 2
    result = delivered(rooms, mr_study)
    with rooms.node.database.read() as session:
        files = [rooms.node.files.path(item.location) for item in session.get_one(RunRow, result.run_id).objects]
    files[0].unlink()
    rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing", run_id=result.run_id)
    assert run(rooms).state == RunState.RECALLED


def test_nothing_is_recalled_of_which_no_object_can_be_read(rooms, mr_study) -> None:
    result = delivered(rooms, mr_study)
    with rooms.node.database.read() as session:
        rooms.node.files.path(session.get_one(RunRow, result.run_id).objects[0].location).unlink()
    with pytest.raises(Permanent, match="recall-unreadable"):
        rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing")
    assert run(rooms).state == RunState.DELIVERED


@pytest.mark.hazard("HAZ-26")
def test_a_recalled_result_stays_recalled_when_more_images_come(rooms, mr_study) -> None:
    images = mr_study()
    result = delivered(rooms, lambda: images)
    rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing")
    other = mr_study(slices=1, Modality="CT")[0]
    other.StudyInstanceUID = result.study_uid
    rooms.file(other)
    assert rooms.settle() == 1
    assert run(rooms).state == RunState.RECALLED
    with rooms.node.database.read() as session:
        assert session.scalars(select(RunRow.revision)).one() == 2
        assert session.get_one(StudyRow, result.study_uid).state == StudyState.ROUTED


def test_one_run_is_recalled_and_the_others_stay(rooms, mr_study) -> None:
    result = delivered(rooms, mr_study)
    again = rooms.node.orders.order_again(result.run_id, PHYSICIST, "look again")
    rooms.node.recalls.recall(result.study_uid, PHYSICIST, "the jaw is missing", run_id=result.run_id)
    with rooms.node.database.read() as session:
        states = {one.run_id: one.state for one in session.scalars(select(RunRow))}
    assert states == {result.run_id: RunState.RECALLED, again: RunState.QUEUED}
