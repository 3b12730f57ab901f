"""Attempts at a delivery against a peer that answers each status: what is recorded, what is sent again, what counts."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom.uid import MRImageStorage
from sqlalchemy import select

from node.actor import Actor, Role
from node.database import change_state
from node.deliver.association import StorableFile
from node.deliver.sender import DeliverySender
from node.deliver.tables import DeliveryRow
from node.network import PeerAddress
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
OBJECTS = 3
ABORT = -1


@pytest.fixture
def released(delivering, mr_study, start_pacs, research_pacs) -> Callable[..., tuple[Any, Any]]:
    """A released result of three objects, and the PACS that answers with these statuses first."""

    def make(*answers: int, **pacs_options: Any) -> tuple[Any, Any]:
        pacs = start_pacs(*answers, **pacs_options)
        delivering.configure(research_pacs(pacs.port))
        delivering.hold(mr_study(), slices=OBJECTS)
        delivering.release()
        return delivering, pacs

    return make


def statuses(row: DeliveryRow) -> list[int | None]:
    return [item.status for item in row.items]


def positions(pacs: Any, row: DeliveryRow) -> list[int]:
    """Return which objects came to the PACS, in the order of their coming."""
    place = {item.sop_instance_uid: item.position for item in row.items}
    return [place[uid] for uid, _ in pacs.received]


@pytest.mark.hazard("HAZ-09")
@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0xB007, 0x0111])
def test_what_the_peer_says_that_it_has_is_delivered(released, status: int) -> None:
    delivering, pacs = released(0, status, 0)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.DELIVERED, None)
    assert statuses(row) == [0, status, 0]
    assert positions(pacs, row) == [0, 1, 2]
    assert delivering.run().state == RunState.DELIVERED


@pytest.mark.hazard("HAZ-09", "HAZ-11")
@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0213])
def test_a_failure_that_passes_is_tried_again_and_only_what_has_no_status_is_sent(released, status: int) -> None:
    delivering, pacs = released(0, status)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "store-not-now")
    assert statuses(row) == [0, None, None]
    assert delivering.run().state == RunState.RELEASED
    row = delivering.attempt()
    assert (row.state, row.attempts, statuses(row)) == (DeliveryState.DELIVERED, 2, [0, 0, 0])
    assert positions(pacs, row) == [0, 1, 1, 2]


@pytest.mark.hazard("HAZ-09", "HAZ-11")
@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122, 0x0124])
def test_a_refusal_is_not_stored_and_ends_the_delivery_by_name(released, status: int) -> None:
    delivering, pacs = released(0, status)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "store-refused")
    assert row.reason_parameters["status"] == f"{status:04X}"
    assert statuses(row) == [0, None, None]
    assert positions(pacs, row) == [0, 1]
    assert (delivering.run().state, delivering.run().reason_code) == (RunState.UNDELIVERED, "store-refused")
    delivering.attempt()
    assert positions(pacs, row) == [0, 1], "an ended delivery is not attempted"


def test_a_peer_that_does_not_take_the_class_has_nothing(released) -> None:
    delivering, pacs = released(takes=[MRImageStorage])
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "context-refused")
    assert statuses(row) == [None] * OBJECTS
    assert pacs.received == []


@pytest.mark.hazard("HAZ-09")
def test_an_abort_in_the_middle_leaves_the_rest_for_the_next_attempt(released) -> None:
    delivering, pacs = released(0, ABORT)
    row = delivering.attempt()
    assert (row.state, row.reason_code, statuses(row)) == (DeliveryState.PENDING, "peer-aborted", [0, None, None])
    row = delivering.attempt()
    assert row.state == DeliveryState.DELIVERED
    assert positions(pacs, row) == [0, 1, 2]


def supersede(delivering: Any) -> None:
    with delivering.node.database.write() as session:
        run = session.get_one(RunRow, delivering.run_id)
        change_state(session, run, RunState.SUPERSEDED)
        run.reason_code, run.reason_parameters = "run-superseded", {}


def supersede_at(monkeypatch: pytest.MonkeyPatch, delivering: Any, pacs: Any, count: int) -> None:
    """Have the run superseded when the peer has so many objects, before the last of them is recorded."""
    record = DeliverySender._record

    def superseded_meanwhile(self: DeliverySender, item_id: int, status: int, peer: PeerAddress) -> None:
        if len(pacs.received) == count:
            supersede(delivering)
        record(self, item_id, status, peer)

    monkeypatch.setattr(DeliverySender, "_record", superseded_meanwhile)


class _Killed(BaseException):
    """The process ends here; nothing catches it."""


@pytest.mark.hazard("HAZ-09")
def test_a_kill_between_a_status_and_its_record_sends_that_object_again_and_no_other(
    released, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivering, pacs = released()
    record = DeliverySender._record

    def killed_at_the_second(self: DeliverySender, item_id: int, status: int, peer: PeerAddress) -> None:
        if len(pacs.received) == 2:
            raise _Killed
        record(self, item_id, status, peer)

    with monkeypatch.context() as patched:
        patched.setattr(DeliverySender, "_record", killed_at_the_second)
        with pytest.raises(_Killed):
            delivering.attempt()
    assert (delivering.row().state, statuses(delivering.row())) == (DeliveryState.SENDING, [0, None, None])
    row = delivering.attempt()
    assert (row.state, statuses(row)) == (DeliveryState.DELIVERED, [0, 0, 0])
    assert positions(pacs, row) == [0, 1, 1, 2]
    first, again = (content for uid, content in pacs.received if uid == row.items[1].sop_instance_uid)
    assert first == again


@pytest.mark.hazard("HAZ-11")
def test_a_run_is_delivered_when_every_destination_has_it(delivering, mr_study, start_pacs, research_pacs) -> None:
    near, far = start_pacs(), start_pacs(0xC000)
    delivering.configure(research_pacs(near.port), research_pacs(far.port, name="clinic"))
    delivering.hold(mr_study())
    delivering.release()
    assert delivering.attempt("research").state == DeliveryState.DELIVERED
    assert delivering.run().state == RunState.RELEASED
    assert delivering.attempt("clinic").state == DeliveryState.FAILED
    assert (delivering.run().state, delivering.run().reason_code) == (RunState.UNDELIVERED, "store-refused")


def test_of_two_attempts_that_meet_the_one_that_sent_everything_counts(
    released, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivering, _ = released()
    sender = delivering.sender()

    send = sender._send

    def sent_while_the_other_gave_up(*arguments: Any) -> None:
        send(*arguments)
        sender._wait(delivering.row().delivery_id, 1, Reason("peer-unreachable", {"peer": "PACS@127.0.0.1:9"}))

    monkeypatch.setattr(sender, "_send", sent_while_the_other_gave_up)
    sender.attempt(delivering.row().delivery_id)
    assert delivering.row().state == DeliveryState.DELIVERED
    assert delivering.run().state == RunState.DELIVERED


@pytest.mark.hazard("HAZ-11", "HAZ-16")
def test_an_attempt_that_a_person_has_overtaken_changes_nothing(
    delivering, mr_study, start_pacs, research_pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, present = start_pacs(), start_pacs()
    delivering.configure(research_pacs(former.port))
    delivering.hold(mr_study(), slices=2)
    delivering.release()
    old, delivery_id = delivering.sender(), delivering.row().delivery_id
    record = old._record

    def overtaken(item_id: int, status: int, peer: PeerAddress) -> None:
        # As of an attempt that was given up for dead, was sent again to another address, and goes on after all.
        monkeypatch.setattr(old, "_record", record)
        old.give_up(delivery_id, 1, Reason("job-given-up", {"status": "ERROR"}))
        delivering.configure(research_pacs(present.port))
        delivering.service().deliver_again(delivery_id, PHYSICIST, "the new archive")
        record(item_id, status, peer)

    monkeypatch.setattr(old, "_record", overtaken)
    old.attempt(delivery_id)
    row = delivering.row()
    assert row.address == f"PACS@127.0.0.1:{present.port}"
    assert (row.state, row.attempts, statuses(row)) == (DeliveryState.PENDING, 2, [None, None])
    row = delivering.attempt()
    assert (row.state, len(present.received), len(former.received)) == (DeliveryState.DELIVERED, 2, 1)


def test_a_fault_of_this_machine_is_named_and_tried_again(released, monkeypatch: pytest.MonkeyPatch) -> None:
    delivering, _ = released()
    with monkeypatch.context() as patched:
        patched.setattr(StorableFile, "of", _without_memory)
        row = delivering.attempt()
    assert (row.state, row.reason_code, row.attempts) == (DeliveryState.PENDING, "delivery-io-failed", 2)
    assert delivering.attempt().state == DeliveryState.DELIVERED


def _without_memory(_path: Path) -> StorableFile:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.hazard("HAZ-20")
def test_damaged_bytes_are_not_sent(released) -> None:
    delivering, pacs = released()
    file = delivering.node.files.path(delivering.row().items[0].location)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "file-damaged")
    assert pacs.received == []


@pytest.mark.hazard("HAZ-08")
def test_a_late_image_keeps_what_was_released_and_not_sent_here(
    delivering, mr_study, start_pacs, research_pacs
) -> None:
    pacs = start_pacs()
    delivering.configure(research_pacs(pacs.port))
    *images, late = mr_study(4)
    delivering.hold(images)
    delivering.release()
    delivering.rooms.file(late)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "study-receiving")
    delivering.rooms.settle()
    assert delivering.run().state == RunState.SUPERSEDED
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "run-superseded")
    assert delivering.run().state == RunState.SUPERSEDED
    assert pacs.associations == 0


@pytest.mark.hazard("HAZ-08", "HAZ-19")
@pytest.mark.parametrize("after", [1, OBJECTS])
def test_a_result_superseded_in_the_middle_stops_and_is_not_delivered(released, monkeypatch, after: int) -> None:
    delivering, pacs = released()
    supersede_at(monkeypatch, delivering, pacs, after)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "run-superseded")
    assert statuses(row) == [0] * after + [None] * (OBJECTS - after)
    assert len(pacs.received) == after
    assert delivering.run().state == RunState.SUPERSEDED


@pytest.mark.hazard("HAZ-08", "HAZ-19")
def test_a_result_superseded_after_its_last_object_is_not_delivered(released, monkeypatch) -> None:
    delivering, _ = released()
    send = DeliverySender._send

    def superseded_afterwards(self: DeliverySender, *sent: Any) -> None:
        send(self, *sent)
        supersede(delivering)

    monkeypatch.setattr(DeliverySender, "_send", superseded_afterwards)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "run-superseded")
    assert statuses(row) == [0] * OBJECTS


@pytest.mark.hazard("HAZ-08", "HAZ-18", "HAZ-19")
def test_an_image_that_comes_in_the_middle_keeps_the_rest_here(
    delivering, mr_study, start_pacs, research_pacs, monkeypatch
) -> None:
    pacs = start_pacs()
    delivering.configure(research_pacs(pacs.port))
    *images, late = mr_study(4)
    delivering.hold(images, slices=OBJECTS)
    delivering.release()
    record = DeliverySender._record

    def comes_at_the_second(self: DeliverySender, item_id: int, status: int, peer: PeerAddress) -> None:
        if len(pacs.received) == 2:
            delivering.rooms.file(late)
        record(self, item_id, status, peer)

    monkeypatch.setattr(DeliverySender, "_record", comes_at_the_second)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "study-receiving")
    assert statuses(row) == [0, 0, None]
    assert len(pacs.received) == 2


@pytest.mark.hazard("HAZ-08", "HAZ-18")
def test_other_bytes_under_a_known_uid_keep_what_was_released_here(
    delivering, mr_study, start_pacs, research_pacs
) -> None:
    pacs = start_pacs()
    delivering.configure(research_pacs(pacs.port))
    images = mr_study()
    delivering.hold(images)
    delivering.release()
    images[1].PixelData = b"\1" * 8
    delivering.rooms.file(images[1])
    assert delivering.attempt().state == DeliveryState.PENDING
    assert pacs.associations == 0


def test_what_does_not_change_the_inputs_lets_the_result_go(delivering, mr_study, start_pacs, research_pacs) -> None:
    pacs = start_pacs()
    delivering.configure(research_pacs(pacs.port))
    images = mr_study()
    delivering.hold(images)
    delivering.release()
    study = images[0].StudyInstanceUID
    (report,) = mr_study(1, StudyInstanceUID=study, Modality="CT")
    delivering.rooms.file(report)
    assert delivering.attempt().reason_code == "study-receiving"
    delivering.rooms.settle()
    with delivering.node.database.read() as session:
        assert len(session.scalars(select(RunRow)).all()) == 1
    assert delivering.attempt().state == DeliveryState.DELIVERED
