"""The receipt journal: what was acknowledged, in order, flushed before the acknowledgement goes out.

A receiver has no database. It appends lines to files of its own, ``NAME.00000001.journal`` and so on; the engine's
ingest reads them and the catalogue follows. A file is only ever appended to by the process that made it: a start, and
a write that failed half-way, go on in the next file, so an unfinished line can only stand at a file's end.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from node.archive.files import flush_folder
from node.clock import Clock
from node.errors import Permanent, Transient
from node.receive.entries import Entry, ReceiverStarted, decode_line, encode_line

_NAME = re.compile(r"([A-Za-z0-9_-]+)\.(\d{8})\.journal")
_NEXT_FILE_AT = 64 << 20


class Position(NamedTuple):
    """A place between two lines: the file's number and the byte offset in it."""

    sequence: int
    offset: int


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Line:
    """A complete line as it was read.

    Attributes
    ----------
    entry
        What it says; None when its checksum does not hold.
    after
        Where the next line begins.
    """

    entry: Entry | None
    after: Position


@dataclass(slots=True)
class _File:
    """The file that is being appended to; `written` and `flushed` are byte counts."""

    sequence: int
    descriptor: int
    written: int = 0
    flushed: int = 0
    broken: str = ""


class Journal:
    """Appends to the journal of one receiver; threads may append at once and then share a flush.

    Parameters
    ----------
    folder
        Of all receivers' journals; made when it does not exist.
    receiver
        The receiver's name: letters, digits, ``-`` and ``_``. Only one process may have it.
    clock
        Gives the time of the start line.

    Raises
    ------
    Permanent
        ``receiver-running``: another process has that name.
    Transient
        ``journal-not-writable``.
    """

    def __init__(self, folder: Path, receiver: str, clock: Clock) -> None:
        self._folder = folder
        self._receiver = receiver
        self._appending = threading.Lock()
        self._flushing = threading.Lock()
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _exclusive(folder / f"{receiver}.lock", receiver)
            numbers = sequences(folder, receiver)
            torn = _torn(folder / _file_name(receiver, numbers[-1])) if numbers else 0
            self._file = self._create(numbers[-1] + 1 if numbers else 1)
        except OSError as error:
            raise self._unwritable(error) from error
        self.append(ReceiverStarted(receiver, torn, clock.now()))

    def append(self, entry: Entry) -> None:
        """Append a line and return when it is durable.

        Raises
        ------
        Transient
            ``journal-not-writable``: what the line says must not be acknowledged.
        """
        line = encode_line(entry)
        try:
            file, end = self._write(line)
            self._flush(file, end)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Close the file and let another process have the name; what is appended later is refused."""
        with self._appending, self._flushing:
            self._closed = True
            os.close(self._file.descriptor)
            os.close(self._lock)

    def _write(self, line: bytes) -> tuple[_File, int]:
        with self._appending:
            # A descriptor that was closed may be another file's by now.
            if self._closed:
                raise OSError("the journal is closed")
            if self._file.broken or self._file.written > _NEXT_FILE_AT:
                self._file = self._create(self._file.sequence + 1)
            file = self._file
            try:
                written = os.write(file.descriptor, line)
                if written != len(line):
                    raise OSError(f"only {written} of {len(line)} bytes could be written")
            except OSError as error:
                file.broken = str(error)
                raise
            file.written += len(line)
            return file, file.written

    def _flush(self, file: _File, end: int) -> None:
        with self._flushing:
            if file.flushed >= end:
                return
            goal = file.written
            try:
                # After a flush that failed, the kernel may call the next one a success though the bytes are gone.
                if file.broken or self._closed:
                    raise OSError(file.broken or "the journal is closed")
                os.fdatasync(file.descriptor)
            except OSError as error:
                file.broken = str(error)
                raise
            file.flushed = goal

    def _create(self, sequence: int) -> _File:
        path = self._folder / _file_name(self._receiver, sequence)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o640)
        flush_folder(self._folder)
        return _File(sequence, descriptor)

    def _unwritable(self, error: OSError) -> Transient:
        return Transient("journal-not-writable", folder=str(self._folder), error=error.strerror or str(error))


class JournalReader:
    """Reads the journals of all receivers.

    Parameters
    ----------
    folder
        Where they lie; it may not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def receivers(self) -> list[str]:
        """Return the names of all receivers that ever wrote."""
        found = (_NAME.fullmatch(path.name) for path in self._folder.glob("*.journal"))
        return sorted({match[1] for match in found if match})

    def read(self, receiver: str, position: Position = START) -> Iterator[Line]:
        """Yield the complete lines from `position` on; what is unfinished at the end is left for another time."""
        # The list is taken first: of a file that has a successor in it, the end is final.
        for number in sequences(self._folder, receiver):
            if number < position.sequence:
                continue
            start = position.offset if number == position.sequence else 0
            yield from self._lines(receiver, number, start)

    def end(self, receiver: str) -> Position:
        """Return the position after the last complete line."""
        numbers = sequences(self._folder, receiver)
        if not numbers:
            return START
        path = self._folder / _file_name(receiver, numbers[-1])
        return Position(numbers[-1], path.stat().st_size - _torn(path))

    def _lines(self, receiver: str, sequence: int, start: int) -> Iterator[Line]:
        with (self._folder / _file_name(receiver, sequence)).open("rb") as stream:
            stream.seek(start)
            at = start
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                at += len(line)
                yield Line(decode_line(line), Position(sequence, at))


def sequences(folder: Path, receiver: str) -> list[int]:
    """Return the numbers of a receiver's files in order."""
    found = (_NAME.fullmatch(path.name) for path in folder.glob(f"{receiver}.*.journal"))
    return sorted(int(match[2]) for match in found if match and match[1] == receiver)


def _file_name(receiver: str, sequence: int) -> str:
    return f"{receiver}.{sequence:08d}.journal"


def _torn(path: Path) -> int:
    """Return the number of bytes after the last line feed."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        behind, tail = size, b""
        while behind and b"\n" not in tail:
            behind = max(0, behind - 65536)
            stream.seek(behind)
            tail = stream.read(65536)
        return size - (behind + tail.rfind(b"\n") + 1)


def _exclusive(path: Path, receiver: str) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Permanent("receiver-running", receiver=receiver) from None
    return descriptor
