"""A recall reaches the peers: who has objects gets the note, who waits gets nothing more."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom import dcmread
from pydicom.uid import CTImageStorage, KeyObjectSelectionDocumentStorage
from sqlalchemy import select

from node.actor import Actor, Role
from node.database import change_state
from node.deliver.tables import DeliveryRow, Purpose
from node.errors import Refusal
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
TAKES_NOTES = (CTImageStorage, KeyObjectSelectionDocumentStorage)
OBJECTS = 3


@pytest.fixture
def released(delivering, mr_study, start_pacs, research_pacs) -> Any:
    def make(*answers: int, takes: Any = TAKES_NOTES) -> tuple[Any, Any]:
        pacs = start_pacs(*answers, takes=takes)
        delivering.configure(research_pacs(pacs.port))
        delivering.images = mr_study()
        delivering.hold(delivering.images, slices=OBJECTS)
        delivering.release()
        return delivering, pacs

    return make


def recall(delivering: Any, reason: str = "the jaw is missing", **options: Any) -> Any:
    return delivering.node.recalls.recall(delivering.run().study_uid, PHYSICIST, reason, **options)


def rows(delivering: Any, purpose: Purpose) -> list[DeliveryRow]:
    with delivering.node.database.read() as session:
        found = select(DeliveryRow).where(DeliveryRow.purpose == purpose).order_by(DeliveryRow.created_at)
        return [row for row in session.scalars(found) if row.items]


def send(delivering: Any, row: DeliveryRow) -> DeliveryRow:
    delivering.sender().attempt(row.delivery_id)
    with delivering.node.database.read() as session:
        return session.get_one(DeliveryRow, row.delivery_id)


@pytest.mark.hazard("HAZ-26")
@pytest.mark.parametrize(("safety", "title"), [(False, "113001"), (True, "113037")])
def test_a_peer_that_has_the_objects_gets_the_note(released, safety: bool, title: str) -> None:
    delivering, pacs = released()
    assert delivering.attempt().state == DeliveryState.DELIVERED
    sent = [uid for uid, _ in pacs.received]
    done = recall(delivering, for_safety=safety)
    assert [one.notified for one in done.withdrawn] == [("research",)]
    (note,) = rows(delivering, Purpose.REJECTION)
    assert send(delivering, note).state == DeliveryState.DELIVERED
    uid, content = pacs.received[-1]
    read = dcmread(BytesIO(content), force=True)
    assert (len(pacs.received), read.SOPInstanceUID) == (OBJECTS + 1, uid)
    assert read.ConceptNameCodeSequence[0].CodeValue == title
    assert "the jaw is missing" in [item.get("TextValue") for item in read.ContentSequence]
    named = [item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in read.ContentSequence[1:]]
    assert named == sent
    assert delivering.run().state == RunState.RECALLED


@pytest.mark.hazard("HAZ-26")
def test_a_peer_that_got_nothing_gets_no_note_and_nothing_more(released) -> None:
    delivering, pacs = released()
    done = recall(delivering)
    assert [(one.notified, one.cancelled) for one in done.withdrawn] == [((), ("research",))]
    assert rows(delivering, Purpose.REJECTION) == []
    assert delivering.attempt().state == DeliveryState.CANCELLED
    assert pacs.received == []
    with pytest.raises(Refusal, match="state-transition"):
        delivering.service().deliver_again(delivering.row().delivery_id, PHYSICIST, "it is back")


@pytest.mark.hazard("HAZ-26")
def test_an_attempt_in_the_middle_stops_and_its_peer_gets_the_note(released) -> None:
    delivering, pacs = released()

    def recall_during_the_first(event: Any) -> int:
        if len(pacs.received) == 0:
            recall(delivering)
        pacs.received.append((str(event.request.AffectedSOPInstanceUID), b""))
        return 0

    pacs.on_store_hook = recall_during_the_first
    assert delivering.attempt().state == DeliveryState.CANCELLED
    assert len(pacs.received) == 1
    assert [row.destination for row in rows(delivering, Purpose.REJECTION)] == ["research"]


def test_a_note_that_is_refused_is_a_dead_letter_that_a_person_sends_again(released) -> None:
    delivering, _ = released(takes=(CTImageStorage,))  # no context for Key Objects
    delivering.attempt()
    recall(delivering)
    (note,) = rows(delivering, Purpose.REJECTION)
    failed = send(delivering, note)
    assert failed.state == DeliveryState.FAILED
    assert delivering.run().state == RunState.RECALLED
    delivering.service().deliver_again(failed.delivery_id, PHYSICIST, "it takes Key Objects now")
    with delivering.node.database.read() as session:
        assert session.get_one(DeliveryRow, failed.delivery_id).state == DeliveryState.PENDING
    assert delivering.run().state == RunState.RECALLED


@pytest.mark.hazard("HAZ-19", "HAZ-26")
def test_a_newer_result_comes_after_the_note_on_the_older(released) -> None:
    delivering, pacs = released()
    delivering.attempt()
    old = delivering.run_id
    node, rooms = delivering.node, delivering.rooms
    late = delivering.images[0]
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99"
    rooms.file(late)
    rooms.settle()
    with node.database.read() as session:
        new = session.scalars(select(RunRow.run_id).where(RunRow.run_id != old)).one()
    rooms.compute(new)
    released = node.release_service.release(new, PHYSICIST, "looked at what changed")
    assert [(one.run_id, one.notified) for one in released.replaced] == [(old, ("research",))]
    newer = next(row for row in rows(delivering, Purpose.RESULT) if row.run_id == new)
    waiting = send(delivering, newer)
    assert (waiting.state, waiting.reason_code) == (DeliveryState.PENDING, "rejection-first")
    (note,) = rows(delivering, Purpose.REJECTION)
    assert send(delivering, note).state == DeliveryState.DELIVERED
    assert send(delivering, newer).state == DeliveryState.DELIVERED
    assert pacs.received[OBJECTS][0] == note.items[0].sop_instance_uid
    assert len(pacs.received) == OBJECTS + 1 + OBJECTS
    with node.database.read() as session:
        states = {run.run_id: (run.state, run.reason_code) for run in session.scalars(select(RunRow))}
    assert states == {old: (RunState.RECALLED, "run-replaced"), new: (RunState.DELIVERED, None)}


def test_a_note_goes_out_whatever_came_in_since(released) -> None:
    delivering, _pacs = released()
    delivering.attempt()
    recall(delivering)
    late = delivering.images[0]
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.98"
    delivering.rooms.file(late)
    (note,) = rows(delivering, Purpose.REJECTION)
    assert send(delivering, note).state == DeliveryState.DELIVERED


def test_a_broken_association_counts_as_got(released) -> None:
    delivering, _pacs = released()
    with delivering.node.database.write() as session:
        row = session.get_one(DeliveryRow, delivering.row().delivery_id)
        change_state(session, row, DeliveryState.SENDING)
        change_state(session, row, DeliveryState.PENDING)
        row.reason_code, row.reason_parameters = "peer-aborted", {}
    assert recall(delivering).withdrawn[0].notified == ("research",)
