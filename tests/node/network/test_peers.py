"""One table of peers: whom the receiver admits, and whom results may be sent to."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydicom.uid import CTImageStorage

from node.errors import SettingsError
from node.layout import Layout
from node.machines.machine import Machine
from node.network import DeliverySettings, Peer, PeerAddress, ResultClass, Right
from node.processes.receive import options_of
from node.receive.admission import Rejection
from node.settings import Settings, load_settings
from pipelines.semantics.rules import KEY_OBJECTS, KNOWN

PEERS = """
peers:
  - {name: mr1, ae_title: MR1, host: 192.0.2.11, may: [store]}
  - {name: tps, ae_title: TPS, host: 192.0.2.12, port: 104, may: [query, retrieve], deliver: {}}
  - {name: pacs, ae_title: PACS, host: 192.0.2.13, port: 104, may: [store], deliver: {research: true}}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "node.yaml"
    file.write_text(PEERS)
    return load_settings(file)


@pytest.mark.hazard("HAZ-14")
@pytest.mark.parametrize(
    ("ae_title", "host", "rejection"),
    [
        ("MR1", "192.0.2.11", None),
        ("PACS", "192.0.2.13", None),
        ("TPS", "192.0.2.12", Rejection.RIGHT_MISSING),
        ("STRANGER", "192.0.2.12", Rejection.CALLING_AE_UNKNOWN),
        ("PACS", "192.0.2.11", Rejection.ADDRESS_UNKNOWN),
    ],
)
def test_only_a_peer_that_may_store_is_admitted(
    settings: Settings, ae_title: str, host: str, rejection: Rejection | None
) -> None:
    admission = options_of(settings, Layout(settings.data, settings.data), Machine("m", "0" * 32)).admission
    assert admission.check_titles(ae_title, "SYNTHNODE", host) is rejection


def test_only_a_peer_with_deliver_is_a_destination(settings: Settings) -> None:
    assert [peer.name for peer in settings.destinations] == ["tps", "pacs"]
    assert [peer.research for peer in settings.destinations] == [False, True]
    assert settings.destination("pacs").address == PeerAddress("PACS", "192.0.2.13", 104)
    with pytest.raises(SettingsError, match="destination-unknown"):
        settings.destination("mr1")


def test_a_peer_may_nothing_by_default() -> None:
    peer = Peer(name="mr1", ae_title="MR1", host="192.0.2.11")
    assert (peer.may, peer.deliver, peer.research, peer.profile) == ((), None, False, None)


def test_rights_are_looked_up(settings: Settings) -> None:
    assert [peer.name for peer in settings.peers_that_may(Right.QUERY)] == ["tps"]
    assert settings.peers_that_may(Right.COMMIT) == ()


def test_a_peer_that_is_called_needs_a_port() -> None:
    with pytest.raises(ValidationError, match="port"):
        Peer(name="pacs", ae_title="PACS", host="192.0.2.13", deliver={})
    with pytest.raises(SettingsError, match="peer-without-port"):
        _ = Peer(name="mr1", ae_title="MR1", host="192.0.2.11").address


def test_settings_name_classes_that_pipelines_write() -> None:
    assert {one.uid for one in ResultClass} == KNOWN - KEY_OBJECTS
    assert ResultClass.CT_IMAGE in DeliverySettings().wants
    assert ResultClass.PARAMETRIC_MAP not in DeliverySettings().wants
    assert DeliverySettings(wants=["CTImageStorage"]).wants[0].uid == CTImageStorage
    for wrong in ([], ["CT"]):
        with pytest.raises(ValidationError):
            DeliverySettings(wants=wrong)
