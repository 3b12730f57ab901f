"""A failed delivery is no dead end: a person sends again what the peer does not have, where the settings say now."""

from __future__ import annotations

import json
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.archive.tables import SeriesRow
from node.errors import Permanent, Refusal, SettingsError
from node.states import DeliveryState, RunState

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
REFUSED = 0xC000


@pytest.fixture
def failed(delivering, mr_study, start_pacs, research_pacs) -> Any:
    """A delivery of three objects of which the peer took the first and refused the second."""
    pacs = start_pacs(0, REFUSED)
    delivering.configure(research_pacs(pacs.port))
    delivering.hold(mr_study(), slices=3)
    delivering.release()
    assert delivering.attempt().state == DeliveryState.FAILED
    pacs.received.clear()
    return delivering, pacs


def again(delivering: Any, by: Actor = PHYSICIST, reason: str = "the filter at the PACS is gone") -> None:
    delivering.service().deliver_again(delivering.row().delivery_id, by, reason)


@pytest.mark.hazard("HAZ-11", "HAZ-09")
def test_only_what_the_peer_does_not_have_is_sent_again(failed) -> None:
    delivering, pacs = failed
    again(delivering)
    assert (delivering.row().state, delivering.run().state) == (DeliveryState.PENDING, RunState.RELEASED)
    row = delivering.attempt()
    assert (row.state, row.attempts) == (DeliveryState.DELIVERED, 2)
    assert [uid for uid, _ in pacs.received] == [item.sop_instance_uid for item in row.items[1:]]
    assert (delivering.run().state, delivering.run().reason_code) == (RunState.DELIVERED, None)


def test_the_audit_names_who_why_where_and_how_many(failed) -> None:
    delivering, pacs = failed
    again(delivering)
    last = delivering.last_audit()
    details = json.loads(last.details)
    assert (last.code, last.actor_name, last.outcome) == ("delivery-repeated", "m.curie", "success")
    assert (details["peer"], details["objects"]) == (f"PACS@127.0.0.1:{pacs.port}", 2)
    assert details["reason"] == "the filter at the PACS is gone"


def test_its_time_begins_anew(failed) -> None:
    delivering, pacs = failed
    delivering.rooms.clock.advance(100 * 3600)
    again(delivering)
    pacs.answers.append(0xA700)
    assert delivering.attempt().state == DeliveryState.PENDING


@pytest.mark.hazard("HAZ-16")
def test_a_machine_that_took_its_place_gets_everything(failed, start_pacs, research_pacs) -> None:
    delivering, pacs = failed
    other = start_pacs()
    delivering.configure(research_pacs(other.port))
    again(delivering)
    row = delivering.attempt()
    assert (row.state, row.address) == (DeliveryState.DELIVERED, f"PACS@127.0.0.1:{other.port}")
    assert [uid for uid, _ in other.received] == [item.sop_instance_uid for item in row.items]
    assert pacs.received == []


@pytest.mark.hazard("HAZ-16")
def test_not_to_a_destination_that_lost_its_research_mark(failed, research_pacs) -> None:
    delivering, pacs = failed
    delivering.configure(research_pacs(pacs.port, research=False))
    with pytest.raises(Permanent, match="destination-not-research"):
        again(delivering)
    assert delivering.row().state == DeliveryState.FAILED


def test_not_to_a_destination_that_is_gone(failed) -> None:
    delivering, _ = failed
    delivering.configure()
    with pytest.raises(SettingsError, match="destination-unknown"):
        again(delivering)


@pytest.mark.hazard("HAZ-10")
def test_a_program_or_no_reason_sends_nothing_and_the_audit_has_it(failed) -> None:
    delivering, _ = failed
    with pytest.raises(Refusal, match="access-not-a-person"):
        again(delivering, by=Actor.timer("retry"))
    with pytest.raises(Refusal, match="delivery-needs-reason"):
        again(delivering, reason=" ")
    assert delivering.row().state == DeliveryState.FAILED
    assert (delivering.last_audit().code, delivering.last_audit().outcome) == ("release-refused", "failure")


@pytest.mark.hazard("HAZ-08")
def test_not_when_the_study_has_changed_since(failed, mr_study) -> None:
    delivering, _ = failed
    with delivering.node.database.read() as session:
        series = session.scalars(select(SeriesRow).where(SeriesRow.origin == "received")).one()
    late = mr_study(1, StudyInstanceUID=series.study_uid, SeriesInstanceUID=series.series_uid)
    delivering.rooms.file(*late)
    with pytest.raises(Refusal, match="study-receiving"):
        again(delivering)
    delivering.rooms.settle()
    assert delivering.run().state == RunState.SUPERSEDED
    with pytest.raises(Refusal, match="state-transition"):
        again(delivering)


def test_only_what_has_failed_and_is_known(failed) -> None:
    delivering, _ = failed
    again(delivering)
    with pytest.raises(Refusal, match="state-transition"):
        again(delivering)
    with pytest.raises(Refusal, match="delivery-unknown"):
        delivering.service().deliver_again("none", PHYSICIST, "because")
