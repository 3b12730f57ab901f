"""The watch: each change is said once, and `status` shows what is amiss."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification
from sqlalchemy import select

from node.audit.tables import AuditRow
from node.deliver.deadline import TimeLimits
from node.deliver.reach import check_reachable
from node.errors import Permanent, Transient
from node.network import Peer
from node.status import report
from node.watch.watch import Watch

HOUR = 3600.0


@pytest.fixture
def watching(rooms, tmp_path: Path) -> Callable[..., Watch]:
    def make(check: Callable[[Peer], None] = lambda _: None, **peer: Any) -> Watch:
        scanner = Peer(**{"name": "mr1", "ae_title": "SCANNER", "host": "192.0.2.1", "silent_after_hours": 24, **peer})
        node = rooms.node
        settings = node.settings.model_copy(update={"peers": (scanner, *node.settings.peers)})
        return Watch(node.database, node.trail, settings, rooms.clock, tmp_path, "m1", check)

    return make


def audited(rooms: Any) -> list[tuple[str, str]]:
    codes = ("scanner-silent", "disk-low", "destination-checked")
    with rooms.node.database.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.code.in_(codes)).order_by(AuditRow.sequence))
        return [(row.code, row.outcome) for row in rows]


def amiss(rooms: Any) -> list[str]:
    with rooms.node.database.read() as session:
        return [one.subject for one in report(session, rooms.node.results, rooms.node.layout.run).amiss]


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-11")
def test_a_scanner_that_falls_silent_is_said_once_and_so_is_its_return(rooms, mr_study, watching) -> None:
    watch = watching()
    rooms.file(*mr_study())
    rooms.settle()
    watch.look()
    assert audited(rooms) == []
    rooms.clock.advance(25 * HOUR)
    watch.look()
    watch.look()
    assert (audited(rooms), amiss(rooms)) == ([("scanner-silent", "failure")], ["scanner mr1"])
    rooms.file(*mr_study())
    watch.look()
    assert (audited(rooms)[1:], amiss(rooms)) == ([("scanner-silent", "success")], [])


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-11")
def test_a_scanner_that_never_sent_is_silent_since_it_is_watched(rooms, watching) -> None:
    watch = watching()
    watch.look()
    rooms.clock.advance(23 * HOUR)
    watch.look()
    assert audited(rooms) == []
    rooms.clock.advance(2 * HOUR)
    watch.look()
    watch.look()
    assert audited(rooms) == [("scanner-silent", "failure")]


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-20")
def test_a_disk_that_fills_is_said_before_it_is_full(rooms, watching, monkeypatch) -> None:
    watch, free = watching(), [6_000_000_000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**12, 0, free[0]))
    for free[0] in (6_000_000_000, 4_900_000_000, 5_100_000_000, 4_900_000_000, 5_600_000_000):
        watch.look()
    assert audited(rooms) == [("disk-low", "failure"), ("disk-low", "success")]


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-11")
def test_a_destination_that_does_not_answer_is_said_once(rooms, watching) -> None:
    away = {"clinic"}

    def check(peer: Peer) -> None:
        if peer.name in away:
            raise Transient("peer-unreachable", peer=peer.name)

    watch = watching(check)
    watch.call_destinations()
    watch.call_destinations()
    assert (audited(rooms), amiss(rooms)) == ([("destination-checked", "failure")], ["destination clinic"])
    away.clear()
    watch.call_destinations()
    assert (audited(rooms)[1:], amiss(rooms)) == ([("destination-checked", "success")], [])


@pytest.mark.parametrize("answer", [0x0000, 0x0122])
def test_an_echo_is_answered_by_a_real_peer_or_it_is_not_there(answer: int) -> None:
    entity = AE(ae_title="PACS")
    entity.add_supported_context(Verification)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_ECHO, lambda _: answer)])
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=server.server_address[1])
    try:
        if answer:
            with pytest.raises(Permanent, match="echo-refused"):
                check_reachable(peer, "SYNTHNODE", TimeLimits())
        else:
            check_reachable(peer, "SYNTHNODE", TimeLimits())
    finally:
        server.shutdown()
    with pytest.raises(Transient, match="peer-unreachable"):
        check_reachable(peer, "SYNTHNODE", TimeLimits())
