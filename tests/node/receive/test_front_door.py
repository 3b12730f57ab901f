"""Connections that stall, lie or talk nonsense: each ends by a name, in time, and a scanner is served meanwhile."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
from evidence import Rounds
from part10 import data_set_bytes
from raw_scu import CT_IMAGE, EXPLICIT, RawScu, association_request, item, pdv
from small_dicom import ROOT, ct, file_of
from waiting import wait_for

from node.network import Peer, Right
from node.receive.admission import Admission
from node.receive.limits import ConnectionLimits
from node.receive.pdus import PduRefused, read_request
from node.receive.pdus import data_set_bytes as fragments

pytestmark = pytest.mark.slow

Loopback = Any
Opener = Callable[..., Loopback]

BODY = data_set_bytes(file_of(ct(1)))
REQUEST = association_request("SCANNER", "SYNTHNODE", CT_IMAGE, (EXPLICIT,))
BRIEF = ConnectionLimits(request_seconds=1.0, pdu_seconds=1.0)


@contextmanager
def connected(port: int, content: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(content)
        yield connection


def answer(connection: socket.socket) -> int | None:
    """Return the type of the next PDU, None where the connection ends without one."""
    try:
        header = connection.recv(6)
    except ConnectionError:
        return None
    return header[0] if header else None


def stores(port: int, number: int) -> bool:
    with RawScu(port, calling="SCANNER") as scanner:
        status = scanner.store(f"{ROOT}.9.{number}", BODY)
        scanner.release()
    return status == 0


@pytest.mark.hazard("HAZ-24")
def test_a_name_server_that_is_away_holds_up_only_who_goes_by_a_name(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = threading.Event(), threading.Event()
    look_up = socket.getaddrinfo

    def stall(host: Any, *arguments: Any, **options: Any) -> Any:
        if host == "console.example":
            asked.set()
            answered.wait(20)
            host = "127.0.0.1"
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", stall)
    hosts = {"SCANNER": "127.0.0.1", "CONSOLE": "console.example"}
    peers = [Peer(name=title, ae_title=title, host=host, may=(Right.STORE,)) for title, host in hosts.items()]
    loopback = opened(Admission("SYNTHNODE", peers, 5))
    with connected(loopback.port, association_request("CONSOLE", "SYNTHNODE", CT_IMAGE, (EXPLICIT,))) as console:
        try:
            assert asked.wait(5)
            assert stores(loopback.port, 1)
        finally:
            answered.set()
        assert answer(console) == 2


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("said", [b"", REQUEST[:8], REQUEST[:-1]], ids=["nothing", "eight bytes", "all but one byte"])
def test_a_scanner_is_heard_while_strangers_hold_connections_open(opened: Opener, said: bytes) -> None:
    loopback = opened(Admission("SYNTHNODE", (), 5), ConnectionLimits(waiting=20, waiting_of_host=10))
    with ExitStack() as stack:
        for _ in range(25):
            stack.enter_context(connected(loopback.port, said))
        began = time.monotonic()
        assert all(stores(loopback.port, number) for number in range(3))
        assert time.monotonic() - began < 5


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("offset", [0, 1, 5, 6, 40, 74, len(REQUEST) - 1])
def test_a_request_that_stalls_ends_in_time_and_is_written_down(opened: Opener, offset: int) -> None:
    loopback = opened(limits=BRIEF)
    with connected(loopback.port, REQUEST[:offset]) as stalled:
        assert stores(loopback.port, offset)
        assert answer(stalled) in (7, None)
    wait_for(lambda: loopback.refused() == ["request-late"], within=5, what="the refusal")


def started(scanner: RawScu, what: str) -> bytes:
    """Return the bytes of a PDU of each kind in an open association."""
    if what == "release":
        return struct.pack(">BBL4x", 5, 0, 4)
    if what == "abort":
        return struct.pack(">BBL4x", 7, 0, 4)
    content = pdv(RawScu.command(f"{ROOT}.8.1"), 3)
    if what == "command":
        return content
    scanner.socket.sendall(content)
    return pdv(BODY[:400], 0)


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("what", ["command", "data set", "release", "abort"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_pdu_that_stalls_in_the_middle_ends_its_association(opened: Opener, what: str, part: float) -> None:
    loopback = opened(limits=BRIEF)
    with RawScu(loopback.port) as stalled:
        content = started(stalled, what)
        stalled.socket.sendall(content[: max(1, int(len(content) * part))])
        assert stores(loopback.port, 1)
        assert stalled.closed_within(10)
    assert loopback.closed(2) == ["released", "lost"]
    assert loopback.refused() == ["pdu-late"]
    assert [entry.sop_instance_uid for entry in loopback.received()] == [f"{ROOT}.9.1"]


@pytest.mark.hazard("HAZ-24")
def test_stalled_associations_give_their_places_back(opened: Opener) -> None:
    loopback = opened(Admission("SYNTHNODE", (), 4), BRIEF)
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(RawScu(loopback.port)).socket.sendall(b"\x04\x00\x00")
        with RawScu(loopback.port) as one_too_many:
            assert one_too_many.rejection == (2, 3, 2)
        wait_for(lambda: RawScu(loopback.port).answer == 2, within=10, what="a place", every=0.2)


@pytest.mark.hazard("HAZ-24")
def test_a_peer_that_does_not_read_its_answers_is_given_up(opened: Opener) -> None:
    loopback = opened(limits=ConnectionLimits(pdu_seconds=1.0))
    with RawScu(loopback.port) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.socket.settimeout(1.0)
        request = pdv(RawScu.command(f"{ROOT}.8.1", has_data_set=False), 3)
        with suppress(TimeoutError, ConnectionError):
            for _ in range(100_000):  # refused one by one, and no answer is ever read
                deaf.socket.sendall(request * 100)
        assert stores(loopback.port, 1)
        wait_for(lambda: "released" in loopback.closed(), within=10, what="the scanner's end")


def test_an_even_context_is_answered_and_sixty_of_them_keep_nobody_out(opened: Opener) -> None:
    loopback = opened(Admission("SYNTHNODE", (), 3))
    even = association_request("ODD", "SYNTHNODE", CT_IMAGE, (EXPLICIT,), context=2)
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(loopback.port, even)) for _ in range(60)]
        assert answer(connections[-1]) == 7
        assert stores(loopback.port, 1)
    assert loopback.refused()[0] == "request-malformed"


def test_titles_padded_by_nul_are_read_and_blank_ones_are_refused_by_name(loopback: Loopback) -> None:
    padded = REQUEST.replace(b"SCANNER".ljust(16), b"SCANNER".ljust(16, b"\0"))
    with connected(loopback.port, padded) as accepted:
        assert answer(accepted) == 2
    with connected(loopback.port, REQUEST.replace(b"SCANNER", b" " * 7)) as blank:
        assert answer(blank) == 3
    with connected(loopback.port, REQUEST.replace(b"SCANNER", b"\0" * 7)) as blank:
        assert answer(blank) == 3
    assert loopback.refused() == ["calling-ae-unknown"]  # once a minute
    loopback.closed(1)


def test_items_that_nobody_knows_are_ignored(loopback: Loopback) -> None:
    strange = association_request(
        "SCANNER", "SYNTHNODE", CT_IMAGE, (EXPLICIT,), user=item(0x77, b"new"), more=item(0x99, b"")
    )
    with connected(loopback.port, strange) as accepted:
        assert answer(accepted) == 2


@pytest.mark.hazard("HAZ-24")
@pytest.mark.parametrize("kind", [1, 4, 5, 9])
def test_what_is_announced_too_large_is_not_read(loopback: Loopback, kind: int) -> None:
    with connected(loopback.port, struct.pack(">BBL", kind, 0, 0xFFFFFFF0)) as lying:
        began = time.monotonic()
        assert answer(lying) in (7, None)
        assert time.monotonic() - began < 5
    wait_for(lambda: len(loopback.refused()) == 1, within=5, what="the refusal")
    assert loopback.refused()[0] in ("pdu-too-large", "pdu-unknown")


@pytest.mark.hazard("HAZ-24")
def test_an_endless_data_set_ends_at_the_largest_object(opened: Opener) -> None:
    loopback = opened(limits=ConnectionLimits(object_bytes=1 << 20, memory_bytes=1 << 16))
    with RawScu(loopback.port) as endless:
        endless.begin_store(f"{ROOT}.7.1")
        with suppress(ConnectionError):
            for _ in range(10_000):
                endless.send_data(bytes(16000), last=False)
    assert "object-too-large" in loopback.refused()
    assert loopback.received() == []
    assert stores(loopback.port, 1)


@pytest.mark.hazard("HAZ-24")
def test_an_endless_command_set_ends_at_64_kb(loopback: Loopback) -> None:
    with RawScu(loopback.port) as endless:
        endless.socket.settimeout(5)
        with suppress(ConnectionError):
            for _ in range(1_000):
                endless.socket.sendall(pdv(bytes(16000), 1))
    wait_for(lambda: loopback.refused() == ["command-too-large"], within=5, what="the refusal")
    assert stores(loopback.port, 1)


def test_command_sets_of_many_messages_are_counted_one_by_one(loopback: Loopback) -> None:
    with RawScu(loopback.port) as scanner:
        for _ in range(600):  # over 64 KB in all
            assert scanner.store(f"{ROOT}.8.1", None) != 0
        scanner.release()
    assert loopback.refused() == []


def test_a_data_set_that_does_not_stay_in_memory_is_kept_whole(opened: Opener) -> None:
    loopback = opened(limits=ConnectionLimits(memory_bytes=1000))
    with RawScu(loopback.port) as scanner:
        assert scanner.store(f"{ROOT}.7.2", BODY, chunk=300) == 0
        scanner.release()
    (kept,) = loopback.kept().values()
    assert data_set_bytes(kept) == BODY


@pytest.mark.parametrize(
    "pdu",
    [
        REQUEST[:20],
        struct.pack(">BBL", 4, 0, 4) + bytes(4),
        REQUEST[:-3],
        association_request("A", "B", CT_IMAGE, (EXPLICIT,), context=0),
        association_request("A", "B", CT_IMAGE, (EXPLICIT,), more=b"\x20\x00\x00\x09\x01"),
    ],
)
def test_requests_that_are_none_are_named(pdu: bytes) -> None:
    with pytest.raises(PduRefused) as refused:
        read_request(pdu)
    assert refused.value.reason.code == "request-malformed"


@pytest.mark.parametrize("length", [0, 1, 3, 0xFFFFFFFF])
def test_a_data_value_that_ends_elsewhere_is_named(length: int) -> None:
    pdu = struct.pack(">BBLLBB", 4, 0, 6, length, 1, 0)
    with pytest.raises(PduRefused) as refused:
        list(fragments(pdu))
    assert refused.value.reason.code == "pdv-malformed"


@pytest.mark.hazard("HAZ-24")
@pytest.mark.suite("front-door", quick=150, full=20_000)
def test_nonsense_on_the_wire_ends_and_harms_nobody_else(opened: Opener, rounds: Rounds) -> None:
    loopback = opened(
        Admission("SYNTHNODE", (), 8), ConnectionLimits(request_seconds=0.3, pdu_seconds=0.3, object_bytes=1 << 20)
    )
    threads = threading.active_count()
    for number, chance in enumerate(rounds):
        _talk_nonsense(loopback.port, chance)
        if number % 50 == 49:
            assert stores(loopback.port, number)
    wait_for(lambda: threading.active_count() <= threads + 2, within=30, what="every connection's thread to end")
    assert stores(loopback.port, 0)


def _talk_nonsense(port: int, chance: random.Random) -> None:
    """Send an association request, a store and a release in which some bytes are others, cut, doubled or left out."""
    store = pdv(RawScu.command(f"{ROOT}.6.{chance.randrange(10**6)}"), 3) + pdv(BODY, 2)
    content = bytearray(chance.choice([REQUEST, REQUEST + store, REQUEST + store + struct.pack(">BBL4x", 5, 0, 4)]))
    first = chance.choice([0, 0, len(REQUEST)]) % len(content)
    for _ in range(chance.choice([1, 1, 2, 8])):
        at = chance.randrange(first, len(content))
        match chance.randrange(4):
            case 0:
                content[at] = chance.randrange(256)
            case 1:
                del content[at : at + chance.randrange(1, 9)]
            case 2:
                content[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                content[at : at + 4] = b"\xff\xff\xff\xf0"
        if len(content) <= first:
            break
    try:
        with connected(port, bytes(content)) as connection:
            connection.settimeout(0.02)
            connection.recv(4096)
    except OSError:
        pass
