"""The receipt journal: complete lines come back in order, whatever the end of a file looks like."""

from __future__ import annotations

import errno
import os
import threading
import zlib
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.clock import SetClock
from node.errors import Permanent, Transient
from node.receive.entries import (
    AssociationClosed,
    AssociationEnd,
    AssociationRefused,
    Entry,
    InstanceReceived,
    ReceiverStarted,
    Sender,
    decode_line,
    encode_line,
)
from node.receive.journal import START, Journal, JournalReader, Position, sequences

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXT = st.text(max_size=20)


def closed(name: str) -> AssociationClosed:
    return AssociationClosed(name, AssociationEnd.RELEASED, NOON)


def opened(folder: Path, name: str = "receive") -> Journal:
    return Journal(folder, name, SetClock(NOON))


def names(folder: Path, position: Position = START) -> list[str]:
    entries = [line.entry for line in JournalReader(folder).read("receive", position)]
    return [entry.association_id for entry in entries if isinstance(entry, AssociationClosed)]


@given(
    entry=st.one_of(
        st.builds(
            InstanceReceived,
            sender=st.builds(Sender, TEXT, TEXT, TEXT, TEXT),
            sop_class_uid=TEXT,
            sop_instance_uid=TEXT,
            transfer_syntax_uid=TEXT,
            sha256=TEXT,
            size=st.integers(0, 2**40),
            location=TEXT,
            at=st.datetimes(timezones=st.just(UTC)),
        ),
        st.builds(AssociationClosed, TEXT, st.sampled_from(AssociationEnd), st.datetimes(timezones=st.just(UTC))),
        st.builds(AssociationRefused, TEXT, TEXT, TEXT, TEXT, st.integers(1), st.datetimes(timezones=st.just(UTC))),
        st.builds(ReceiverStarted, TEXT, st.integers(0), st.datetimes(timezones=st.just(UTC))),
    )
)
def test_a_line_gives_back_its_entry_and_holds_one_line_feed(entry: Entry) -> None:
    line = encode_line(entry)
    assert line.count(b"\n") == 1
    assert decode_line(line) == entry


@given(at=st.integers(0, 500), value=st.integers(0, 255))
def test_a_changed_byte_is_seen(at: int, value: int) -> None:
    line = bytearray(encode_line(closed("a1")))
    at %= len(line)
    changed = line[at] != value
    line[at] = value
    assert (decode_line(bytes(line)) is None) == changed


def test_a_line_of_a_later_schema_is_refused_and_not_guessed() -> None:
    line = encode_line(closed("a1"))
    text = line.split(b" ", 1)[1].rstrip(b"\n").replace(b'"schema":1', b'"schema":2')
    with pytest.raises(Permanent, match="journal-schema"):
        decode_line(b"%08x %s\n" % (zlib.crc32(text), text))


def test_lines_are_read_from_a_position_on(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for name in ("a", "b", "c"):
        journal.append(closed(name))
    reader = JournalReader(tmp_path)
    first_two = list(islice(reader.read("receive"), 2))
    assert isinstance(first_two[0].entry, ReceiverStarted)
    assert names(tmp_path, first_two[-1].after) == ["b", "c"]
    assert names(tmp_path, reader.end("receive")) == []
    journal.append(closed("d"))
    assert names(tmp_path, list(reader.read("receive"))[-2].after) == ["d"]


@pytest.mark.hazard("HAZ-01")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 150))
def test_a_torn_tail_is_no_line_and_the_next_start_seals_it(tmp_path: Path, cut: int) -> None:
    for file in tmp_path.glob("*"):
        file.unlink()
    journal = opened(tmp_path)
    journal.append(closed("whole"))
    journal.append(closed("torn"))
    journal.close()
    file = tmp_path / "receive.00000001.journal"
    cut = min(cut, len(encode_line(closed("torn"))))
    os.truncate(file, file.stat().st_size - cut)
    before = file.read_bytes()
    assert names(tmp_path) == ["whole"]
    end = JournalReader(tmp_path).end("receive")

    again = opened(tmp_path)
    again.append(closed("after"))
    again.close()
    assert file.read_bytes() == before
    assert names(tmp_path) == ["whole", "after"]
    assert names(tmp_path, end) == ["after"]
    starts = [line.entry for line in JournalReader(tmp_path).read("receive")]
    torn = [entry.torn for entry in starts if isinstance(entry, ReceiverStarted)]
    assert torn == [0, len(encode_line(closed("torn"))) - cut]


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_what_cannot_be_written_is_not_promised_and_the_next_line_goes_to_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    journal = opened(tmp_path)
    journal.append(closed("before"))
    real = os.write

    def half_written(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    def failed(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, half_written if call == "write" else failed)
        with pytest.raises(Transient, match="journal-not-writable"):
            journal.append(closed("lost"))
    journal.append(closed("after"))
    assert sequences(tmp_path, "receive") == [1, 2]
    # A line that was written and not flushed may be read or not; it was never acknowledged.
    assert [name for name in names(tmp_path) if name != "lost"] == ["before", "after"]


def test_one_receiver_has_one_process(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    with pytest.raises(Permanent, match="receiver-running"):
        opened(tmp_path)
    opened(tmp_path, "receive-2").close()
    journal.close()
    opened(tmp_path).close()
    assert JournalReader(tmp_path).receivers() == ["receive", "receive-2"]


def test_a_closed_journal_writes_nowhere(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.close()
    with pytest.raises(Transient, match="journal-not-writable"):
        journal.append(closed("late"))


def test_threads_share_a_flush_and_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path)
    real = os.fdatasync
    flushes: list[int] = []

    def counted(descriptor: int) -> None:
        flushes.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    def append(worker: int) -> None:
        for number in range(25):
            journal.append(closed(f"{worker}-{number}"))

    threads = [threading.Thread(target=append, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = names(tmp_path)
    assert len(found) == len(set(found)) == 100
    for worker in range(4):
        own = [name for name in found if name.startswith(f"{worker}-")]
        assert own == [f"{worker}-{number}" for number in range(25)]
    assert len(flushes) <= 100
