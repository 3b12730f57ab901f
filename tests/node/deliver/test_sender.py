"""Attempts at a delivery: what may pass waits, two that meet end as one, and damaged bytes never leave."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from node.actor import Actor
from node.deliver.tables import DeliveryRow
from node.jobs.tables import RunRow
from node.states import DeliveryState, RunState
from pipelines.contract import Reason


@pytest.fixture
def released(rooms, mr_study) -> str:
    """The delivery of a released result to a peer that is not there."""
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow.run_id)).one()
    rooms.compute(run_id)
    rooms.node.release_service.release(run_id, Actor.person("m.curie"), "ok")
    return f"{run_id}:research"


def delivery(rooms) -> DeliveryRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(DeliveryRow)).one()


def test_of_two_attempts_that_meet_the_one_that_sent_everything_counts(
    rooms, released: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = rooms.node.sender

    def sent_while_the_other_gave_up(*_: object) -> None:
        sender._wait(released, Reason("peer-unreachable", {"peer": "PACS@127.0.0.1:9"}))

    monkeypatch.setattr(sender, "_send", sent_while_the_other_gave_up)
    sender.attempt(released)
    assert delivery(rooms).state == DeliveryState.DELIVERED
    with rooms.node.database.read() as session:
        assert session.scalars(select(RunRow)).one().state == RunState.DELIVERED


@pytest.mark.hazard("HAZ-20")
def test_damaged_bytes_are_not_sent(rooms, released: str) -> None:
    with rooms.node.database.read() as session:
        location = session.scalars(select(DeliveryRow)).one().items[0].location
    file = rooms.node.files.path(location)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    rooms.node.sender.attempt(released)
    assert (delivery(rooms).state, delivery(rooms).reason_code) == (DeliveryState.FAILED, "file-damaged")
