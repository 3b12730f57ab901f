"""What a destination does not want stays here, is recorded, and fails no delivery."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom.uid import ParametricMapStorage
from sqlalchemy import select

from node.actor import Actor, Role
from node.errors import Permanent, Refusal
from node.network import Peer, ResultClass
from node.runs.tables import RunObjectRow
from node.states import DeliveryState, RunState
from node.status import report

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)


Hold = Callable[..., Any]


@pytest.fixture
def hold(delivering: Any, mr_study: Callable[[], Any]) -> Hold:
    """Hold a result of three images and, so say the node's books, a Parametric Map, for these destinations."""

    def held(*destinations: Peer) -> Any:
        delivering.configure(*destinations)
        delivering.hold(mr_study(), slices=4)
        name_the_last_a_map(delivering)
        return delivering

    return held


def name_the_last_a_map(delivering: Any) -> None:
    with delivering.node.database.write() as session:
        last = session.scalars(select(RunObjectRow).order_by(RunObjectRow.position.desc()).limit(1)).one()
        last.sop_class_uid = str(ParametricMapStorage)


@pytest.mark.hazard("HAZ-11")
def test_an_object_that_is_not_wanted_is_not_sent_and_recorded(
    hold: Hold, start_pacs: Callable, research_pacs: Callable
) -> None:
    pacs = start_pacs()
    held = hold(research_pacs(pacs.port))
    held.release()
    row = held.attempt()
    assert (row.state, held.run().state) == (DeliveryState.DELIVERED, RunState.DELIVERED)
    assert [(item.wanted, item.status) for item in row.items] == [(True, 0)] * 3 + [(False, None)]
    assert len(pacs.received) == 3
    audit = json.loads(held.last_audit().details)
    assert (audit["objects"], audit["unwanted"]) == (3, 1)
    with held.node.database.read() as session:
        (study,) = report(session, held.node.results, held.node.layout.run).studies
    (delivery,) = study.runs[0].deliveries
    assert (delivery.sent, delivery.total, delivery.unwanted) == (3, 3, 1)


def test_what_it_wants_is_sent(hold: Hold, start_pacs: Callable, research_pacs: Callable) -> None:
    pacs = start_pacs()
    held = hold(research_pacs(pacs.port, deliver={"research": True, "wants": list(ResultClass)}))
    held.release()
    assert held.attempt().state == DeliveryState.DELIVERED
    assert len(pacs.received) == 4


@pytest.mark.hazard("HAZ-11")
def test_a_destination_that_wants_nothing_of_it_is_refused_at_release(hold: Hold, research_pacs: Callable) -> None:
    held = hold(research_pacs(9, deliver={"research": True, "wants": ["SegmentationStorage"]}))
    with pytest.raises(Refusal, match="release-wants-nothing"):
        held.release()
    assert held.run().state == RunState.HELD


@pytest.mark.hazard("HAZ-11")
def test_a_destination_that_wants_nothing_of_it_is_named_and_keeps_it_from_no_other(
    hold: Hold, start_pacs: Callable, research_pacs: Callable
) -> None:
    pacs = start_pacs()
    maps = {"research": True, "wants": ["SegmentationStorage"]}
    held = hold(research_pacs(pacs.port), research_pacs(9, name="archive", ae_title="A", deliver=maps))
    released = held.node.release_service.release(held.run_id, PHYSICIST, "ok", ["archive"])
    assert (released.destinations, released.not_wanted_by) == (("research",), ("archive",))
    assert json.loads(held.last_audit().details)["not_wanted_by"] == ["archive"]
    assert held.attempt().state == DeliveryState.DELIVERED
    assert held.run().state == RunState.DELIVERED


def test_sent_again_it_gets_what_it_wants_now(hold: Hold, start_pacs: Callable, research_pacs: Callable) -> None:
    pacs = start_pacs(0, 0xC000)
    held = hold(research_pacs(pacs.port))
    held.release()
    assert held.attempt().state == DeliveryState.FAILED
    run = held.run_id
    held.configure(research_pacs(pacs.port, deliver={"research": True, "wants": ["SegmentationStorage"]}))
    with pytest.raises(Permanent, match="destination-wants-nothing"):
        held.service().deliver_again(f"{run}:research", PHYSICIST, "again")
    held.configure(research_pacs(pacs.port, deliver={"research": True, "wants": list(ResultClass)}))
    held.service().deliver_again(f"{run}:research", PHYSICIST, "it takes maps now")
    assert [item.wanted for item in held.row().items] == [True] * 4
