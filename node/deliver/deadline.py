"""Time limits of an association, and what enforces them when the peer stops in the middle of a PDU.

pynetdicom reads and writes a PDU with blocking calls that have no time-out, and waits for its own thread after an
abort. A peer that sends half a PDU, stops reading, or sends one byte a minute would hold the caller for ever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long a peer may take, in seconds.

    Attributes
    ----------
    connect_s
        For the TCP connection.
    associate_s
        From the request of an association to the end of its answer.
    response_s
        For one object's storing, beyond the time that the slowest accepted line takes to carry it.
    release_s
        For the release of the association.
    attempt_s
        For all objects of one attempt, beyond the time that the slowest accepted line takes to carry them. What was
        stored by then is recorded, so that the next attempt goes on from there.
    slowest_bytes_per_s
        The slowest accepted line: a VPN of half a megabit a second.
    """

    connect_s: float = 10.0
    associate_s: float = 30.0
    response_s: float = 60.0
    release_s: float = 10.0
    attempt_s: float = 900.0
    slowest_bytes_per_s: int = 64 * 1024

    def store_s(self, size: int) -> float:
        """Return the limit for storing one object of `size` bytes."""
        return self.response_s + size / self.slowest_bytes_per_s

    def attempt_total_s(self, size: int) -> float:
        """Return the limit for storing objects of `size` bytes together over one association."""
        return self.attempt_s + size / self.slowest_bytes_per_s


class Deadline:
    """Shuts a connection down when an act on it takes longer than it may; whoever waits on it then goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._passed = False

    @property
    def passed(self) -> bool:
        """Whether a limit was exceeded; the connection is then of no use any more."""
        return self._passed

    def attach(self, connection: socket.socket) -> None:
        """Take the connection that the acts use."""
        with self._lock:
            self._socket = connection
            if self._passed:
                _shut_down(connection)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Shut the connection down if the block has not ended after `seconds`."""
        timer = threading.Timer(max(seconds, 0.0), self._expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        """Close the connection, whatever became of it."""
        with self._lock:
            if self._socket is not None:
                _shut_down(self._socket)
                with suppress(OSError):
                    self._socket.close()
                self._socket = None

    def _expire(self) -> None:
        with self._lock:
            self._passed = True
            if self._socket is not None:
                _shut_down(self._socket)


def _shut_down(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
