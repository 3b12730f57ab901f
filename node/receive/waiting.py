"""Connections whose association request has not come yet: few at a time, and the oldest goes first."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from node.receive.limits import ConnectionLimits


class WaitingConnections:
    """ConnectionLimits connections before anything is known of their sender.

    Whoever holds connections open without a word, from however many addresses, only ends its own older ones:
    an honest sender's request comes with the connection, so it is answered before it is the oldest.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._waiting: dict[socket.socket, str] = {}  # in the order in which they came
        self._changing = threading.Lock()

    @contextmanager
    def holding(self, connection: socket.socket, host: str) -> Iterator[None]:
        """Count the connection within the block; end the oldest where there are too many."""
        with self._changing:
            self._waiting[connection] = host
            of_host = [one for one, other in self._waiting.items() if other == host]
            if len(of_host) > self._limits.waiting_of_host:
                self._end(of_host[0])
            elif len(self._waiting) > self._limits.waiting:
                self._end(next(iter(self._waiting)))
        try:
            yield
        finally:
            with self._changing:
                self._waiting.pop(connection, None)

    def _end(self, connection: socket.socket) -> None:
        del self._waiting[connection]
        with suppress(OSError):  # it may have ended by itself
            connection.shutdown(socket.SHUT_RDWR)  # its thread's reading ends
