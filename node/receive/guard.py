"""pynetdicom's association with deadlines and limits around it: no peer holds a thread, memory or a place for good.

pynetdicom 3.0 reads a PDU of whatever length is announced with a socket that never times out, ends its reactor's thread
on some malformed PDUs without an answer, and keeps data sets in memory. What is overridden here is exactly that.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from node.receive.limits import ConnectionLimits
from node.receive.pdus import (
    HEADER_BYTES,
    P_DATA_TF,
    PduRefused,
    body_length,
    command_bytes,
    data_set_bytes,
    provider_abort,
)
from node.receive.spooled import SpooledDataSet

log = structlog.get_logger(__name__)

OnRefused = Callable[[Association, str], None]
"""Called with the association and the code of the reason when a connection is given up."""

_ENDING = "Sta13"

_COMMAND_BYTES = 1 << 16
"""Of one command set, which is kept in memory; one of a C-STORE (PS3.7 9.3.1) has some hundred."""


def receive_pdu(connection: socket.socket, limits: ConnectionLimits, deadline: float) -> bytes:
    """Return the next PDU of a connection, or nothing where the peer closed it between two.

    Parameters
    ----------
    deadline
        Of the whole PDU, by `time.monotonic`.

    Raises
    ------
    PduRefused
        ``pdu-late``, ``pdu-cut``, ``pdu-unknown`` or ``pdu-too-large``.
    OSError
        The connection broke.
    """
    header = _exactly(connection, HEADER_BYTES, deadline)
    return header and header + _exactly(connection, body_length(header, limits), deadline, header)


def _exactly(connection: socket.socket, count: int, deadline: float, before: bytes = b"") -> bytes:
    """Return so many bytes; nothing where the peer had closed the connection in front of the first."""
    content = bytearray()
    while len(content) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise PduRefused("pdu-late", found=f"{len(before) + len(content)} bytes", accepted="a whole PDU in time")
        connection.settimeout(left)
        try:
            more = connection.recv(min(count - len(content), 1 << 17))
        except TimeoutError:
            continue
        if not more:
            if not before and not content:
                return b""
            raise PduRefused("pdu-cut", found=f"{len(before) + len(content)} bytes", accepted="a whole PDU")
        content += more
    return bytes(content)


class GuardedSocket(AssociationSocket):
    """An association's connection, whose reads and writes end.

    Parameters
    ----------
    first
        The PDU that was read before pynetdicom got the connection.
    """

    def __init__(self, assoc: Association, connection: socket.socket, first: bytes, limits: ConnectionLimits) -> None:
        self._first = first
        self._limits = limits
        super().__init__(assoc, client_socket=connection)

    @property
    def ready(self) -> bool:
        """Whether there is something to read."""
        return bool(self._first) or bool(super().ready)

    def next_pdu(self) -> bytes:
        """Return the next PDU; errors as of `receive_pdu`."""
        first, self._first = self._first, b""
        if first:
            return first
        if self.socket is None:
            raise ConnectionError("closed")
        return receive_pdu(self.socket, self._limits, time.monotonic() + self._limits.pdu_seconds)

    def send(self, bytestream: bytes) -> None:
        """Send a PDU; a peer that does not take it in time has closed the connection."""
        if self.socket is not None:
            self.socket.settimeout(self._limits.pdu_seconds)
            super().send(bytestream)


class GuardedProvider(DULServiceProvider):
    """The upper layer of an association, which judges PDUs before they are decoded and always ends with an answer."""

    def __init__(self, assoc: Association, limits: ConnectionLimits, on_refused: OnRefused) -> None:
        super().__init__(assoc)
        self._limits = limits
        self._on_refused = on_refused
        self._object_bytes = 0
        self._command_bytes = 0

    def run_reactor(self) -> None:
        """Run until the connection ends; whatever goes wrong in between, it ends, and the association with it."""
        try:
            super().run_reactor()
        except Exception as why:  # pynetdicom raises many kinds on what it cannot take
            log.exception("association failed")
            self._give_up("archive-not-writable" if isinstance(why, OSError) else "internal-error")
            with suppress(Exception):  # whatever state it is in, the association ends
                self.state_machine.do_action("Evt17")
            self.assoc._kill = True

    def _read_pdu_data(self) -> None:
        connection = self.socket
        assert isinstance(connection, GuardedSocket)
        if self.state_machine.current_state == _ENDING:
            connection.close()
            return
        try:
            content = connection.next_pdu()
            self._count(content)
        except PduRefused as why:
            log.warning("association ended", reason=why.reason.code, **why.reason.parameters)
            self._give_up(why.reason.code)
            return
        except OSError:
            content = b""
        if not content:
            self.event_queue.put("Evt17")
            return
        try:
            pdu, event = self._decode_pdu(bytearray(content))
        except Exception:  # pynetdicom raises many kinds on bytes that it cannot decode
            log.warning("association ended", reason="pdu-malformed")
            self._give_up("pdu-malformed")
            return
        self.event_queue.put(event)
        self._recv_pdu.put(pdu)

    def _count(self, content: bytes) -> None:
        if not content or content[0] != P_DATA_TF:
            return
        for size, last in command_bytes(content):
            self._command_bytes += size
            if self._command_bytes > _COMMAND_BYTES:
                most = _COMMAND_BYTES
                raise PduRefused("command-too-large", found=f"over {most} bytes", accepted=f"at most {most}")
            if last:
                self._command_bytes = 0
        for size, last in data_set_bytes(content):
            self._object_bytes += size
            if self._object_bytes > self._limits.object_bytes:
                most = self._limits.object_bytes
                raise PduRefused("object-too-large", found=f"over {most} bytes", accepted=f"at most {most}")
            if last:
                self._object_bytes = 0

    def _give_up(self, code: str) -> None:
        """Abort and close the connection, which the state machine then sees as closed (Evt17)."""
        self._on_refused(self.assoc, code)
        if self.socket is not None:
            self.socket.send(provider_abort())
            self.socket.close()


class SpoolingDimse(DIMSEServiceProvider):
    """DIMSE messages whose data sets do not stay in memory."""

    def __init__(self, assoc: Association, limits: ConnectionLimits, folder: Path) -> None:
        super().__init__(assoc)
        self._limits = limits
        self._folder = folder

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the next part of a message in."""
        if self.message is None:
            self.message = DIMSEMessage()
            self.message.data_set = SpooledDataSet(self._limits.memory_bytes, self._folder)
        super().receive_primitive(primitive)


def guarded(
    assoc: Association,
    connection: socket.socket,
    first: bytes,
    limits: ConnectionLimits,
    folder: Path,
    on_refused: OnRefused,
) -> Association:
    """Return `assoc` on that connection, guarded.

    Parameters
    ----------
    first
        Its association request, as read already.
    folder
        Where large data sets are spooled.
    """
    parts: Any = assoc  # pynetdicom's own constructor has made unguarded ones
    parts.dul = GuardedProvider(assoc, limits, on_refused)
    parts.dimse = SpoolingDimse(assoc, limits, folder)
    assoc.acse_timeout, assoc.network_timeout = limits.request_seconds, limits.idle_seconds  # sets the timers of `dul`
    assoc.set_socket(GuardedSocket(assoc, connection, first, limits))
    return assoc
