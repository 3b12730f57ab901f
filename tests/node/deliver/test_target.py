"""Settings that change between release and sending: a result goes to the machine it was released to, or nowhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from postgresql import BOTH_DATABASES

from node.states import DeliveryState

pytestmark = BOTH_DATABASES


@pytest.fixture
def released(delivering, mr_study, start_pacs, research_pacs) -> Any:
    """A released result of a reference model, and the PACS that it was released to."""
    pacs = start_pacs()
    delivering.configure(research_pacs(pacs.port))
    delivering.hold(mr_study())
    delivering.release()
    return delivering, pacs


@pytest.mark.hazard("HAZ-16")
def test_what_was_released_to_one_machine_is_not_sent_to_another(
    released, start_pacs: Callable, research_pacs: Callable
) -> None:
    delivering, pacs = released
    other = start_pacs()
    delivering.configure(research_pacs(other.port))
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "destination-changed")
    assert row.reason_parameters["released"] == f"PACS@127.0.0.1:{pacs.port}"
    assert (pacs.received, other.received) == ([], [])


@pytest.mark.hazard("HAZ-16")
@pytest.mark.parametrize("changes", [{"ae_title": "OTHER"}, {"host": "localhost"}])
def test_a_changed_title_or_host_is_another_machine(released, changes: dict[str, str], research_pacs: Callable) -> None:
    delivering, pacs = released
    delivering.configure(research_pacs(pacs.port, **changes))
    assert delivering.attempt().reason_code == "destination-changed"
    assert pacs.associations == 0


@pytest.mark.hazard("HAZ-16")
def test_a_destination_that_lost_its_research_mark_gets_nothing_of_a_reference_model(
    released, research_pacs: Callable
) -> None:
    delivering, pacs = released
    delivering.configure(research_pacs(pacs.port, research=False))
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "destination-not-research")
    assert pacs.associations == 0


@pytest.mark.hazard("HAZ-16")
def test_a_destination_that_left_the_settings_is_waited_for(released) -> None:
    delivering, pacs = released
    settings = delivering.node.settings.destinations
    delivering.configure()
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.PENDING, "destination-unknown")
    delivering.configure(*settings)
    assert delivering.attempt().state == DeliveryState.DELIVERED
    assert len(pacs.received) == 1


def test_a_destination_that_stays_away_is_given_up(released) -> None:
    delivering, _ = released
    delivering.configure()
    delivering.attempt()
    delivering.rooms.clock.advance(73 * 3600)
    row = delivering.attempt()
    assert (row.state, row.reason_code) == (DeliveryState.FAILED, "destination-unknown")


@pytest.mark.hazard("HAZ-16")
def test_the_audit_names_the_peer_with_its_address(released) -> None:
    delivering, pacs = released
    address = f"PACS@127.0.0.1:{pacs.port}"
    assert json.loads(delivering.last_audit().details)["peers"] == [address]
    delivering.attempt()
    last = delivering.last_audit()
    assert (last.code, json.loads(last.details)["peer"]) == ("delivery-done", address)
