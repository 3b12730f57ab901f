"""A patient who is corrected or merged after the fact blocks what is not sent, by name."""

from __future__ import annotations

from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.deliver.sender import DeliverySender
from node.deliver.tables import DeliveryRow
from node.errors import Refusal
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState
from node.status import report

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
CORRECTIONS = ({"PatientID": "P2"}, {"PatientBirthDate": "19710101"})


def held(rooms: Any, images: Any) -> RunRow:
    rooms.file(*images)
    rooms.settle()
    run_id = run(rooms).run_id
    rooms.compute(run_id)
    return run(rooms)


def run(rooms: Any) -> RunRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow)).one()


def delivery(rooms: Any) -> DeliveryRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(DeliveryRow)).one()


def correct(rooms: Any, images: Any, *, new_uid: bool, **changes: str) -> None:
    """Send an image again as a corrected study does: under its own UID, or under a new one."""
    image = images[0]
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    if new_uid:
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.96"
    rooms.file(image)


def sender(rooms: Any) -> DeliverySender:
    return rooms.node.sender


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize("new_uid", [False, True])
@pytest.mark.parametrize("changes", CORRECTIONS)
def test_a_held_result_is_not_released_for_a_corrected_patient(rooms, mr_study, changes: Any, new_uid: bool) -> None:
    images = mr_study()
    result = held(rooms, images)
    correct(rooms, images, new_uid=new_uid, **changes)
    with pytest.raises(Refusal, match="study-receiving"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    rooms.settle()
    with pytest.raises(Refusal):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    assert (run(rooms).state, run(rooms).reason_code) == (RunState.SUPERSEDED, "run-outdated")
    with rooms.node.database.read() as session:
        (study,) = report(session, rooms.node.results, rooms.node.layout.run).studies
    assert [entry.code for entry in study.quarantined] == ["conflicting-patient" if new_uid else "conflicting-instance"]
    assert next(iter(changes)) in study.quarantined[0].reason


@pytest.mark.hazard("HAZ-02")
@pytest.mark.parametrize("changes", CORRECTIONS)
def test_a_released_result_does_not_leave_for_a_corrected_patient(rooms, mr_study, changes: Any) -> None:
    images = mr_study()
    result = held(rooms, images)
    rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    correct(rooms, images, new_uid=True, **changes)
    sender(rooms).attempt(delivery(rooms).delivery_id)
    assert (delivery(rooms).state, delivery(rooms).reason_code) == (DeliveryState.PENDING, "study-receiving")
    rooms.settle()
    sender(rooms).attempt(delivery(rooms).delivery_id)
    assert (delivery(rooms).state, delivery(rooms).reason_code) == (DeliveryState.FAILED, "run-outdated")


@pytest.mark.hazard("HAZ-02")
def test_another_name_under_the_same_number_blocks_what_is_held_until_it_is_computed_anew(rooms, mr_study) -> None:
    images = mr_study()
    result = held(rooms, images)
    correct(rooms, images, new_uid=True, PatientName="PHANTOM^MARRIED")
    with pytest.raises(Refusal, match="study-receiving"):
        rooms.node.release_service.release(result.run_id, PHYSICIST, "ok")
    rooms.settle()
    with rooms.node.database.read() as session:
        assert session.get_one(RunRow, result.run_id).state == RunState.SUPERSEDED
