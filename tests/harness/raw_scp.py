"""A storage SCP that speaks PS3.8 by hand, so that it can stop in the middle of any PDU, or stop reading."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field

CONTEXT_ITEM, ABSTRACT_ITEM, TRANSFER_ITEM = 0x20, 0x30, 0x40
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
LARGEST_PDU = 16384


@dataclass
class RawScp:
    """Takes one association after another, each in a thread of its own, and answers by hand.

    Attributes
    ----------
    stall_in
        The PDU that it sends only a part of, and then nothing more: ``accept``, ``reject``, ``response``, ``release``
        or ``abort`` (in place of the response). Empty: none.
    stall_at
        How many bytes of that PDU it sends.
    drip_s
        Where it would stop, it sends a byte each so many seconds instead.
    reads
        Whether it reads what comes after it accepted.
    """

    stall_in: str = ""
    stall_at: int = 0
    drip_s: float = 0.0
    reads: bool = True
    stored: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.port: int = self._listener.getsockname()[1]
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening and let every thread end."""
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        except (OSError, ConnectionError):
            return

    def _converse(self, connection: socket.socket) -> None:
        _, body = _receive(connection)
        if self.stall_in == "reject":
            return self._send(connection, "reject", _pdu(3, bytes((0, 1, 1, 7))))
        self._send(connection, "accept", _accepted(body))
        if not self.reads:
            self._over.wait(60)
            return None
        command = b""
        while True:
            kind, body = _receive(connection)
            if kind == 5:
                return self._send(connection, "release", _pdu(6, bytes(4)))
            if kind != 4:
                return None
            for context, control, fragment in _values(body):
                if control & 1:
                    command = command + fragment if control & 2 else fragment
                if control == 2:  # the last fragment of a data set
                    if self.stall_in == "abort":
                        return self._send(connection, "abort", _pdu(7, bytes(4)))
                    uid, response = _response(command)
                    self._send(connection, "response", _data(context, response))
                    self.stored.append(uid)

    def _send(self, connection: socket.socket, name: str, pdu: bytes) -> None:
        if name != self.stall_in:
            return connection.sendall(pdu)
        connection.sendall(pdu[: self.stall_at])
        if not self.drip_s:
            self._over.wait(60)
            return None
        for at in range(self.stall_at, len(pdu)):
            if self._over.is_set():
                break
            time.sleep(self.drip_s)
            connection.sendall(pdu[at : at + 1])
        return None


def _accepted(request: bytes) -> bytes:
    contexts = b""
    for kind, item in _items(request[68:]):
        if kind == CONTEXT_ITEM:
            syntax = next(value for sub, value in _items(item[4:]) if sub == TRANSFER_ITEM)
            contexts += _item(0x21, struct.pack(">BxBx", item[0], 0) + _item(TRANSFER_ITEM, syntax))
    user = _item(0x51, struct.pack(">L", LARGEST_PDU)) + _item(0x52, b"1.2.3.4")
    items = _item(0x10, APPLICATION_CONTEXT.encode()) + contexts + _item(0x50, user)
    return _pdu(2, struct.pack(">HH", 1, 0) + request[4:68] + items)


def _response(command: bytes) -> tuple[str, bytes]:
    """Return the SOP Instance UID of a C-STORE request, and the command set of a success."""
    elements = {}
    at = 0
    while at < len(command):
        element, length = struct.unpack("<2xHL", command[at : at + 8])
        elements[element] = command[at + 8 : at + 8 + length]
        at += 8 + length
    answer = _element(0x0002, elements[0x0002]) + _element(0x0100, struct.pack("<H", 0x8001))
    answer += _element(0x0120, elements[0x0110]) + _element(0x0800, struct.pack("<H", 0x0101))
    answer += _element(0x0900, struct.pack("<H", 0)) + _element(0x1000, elements[0x1000])
    return elements[0x1000].rstrip(b"\0").decode(), _element(0, struct.pack("<L", len(answer))) + answer


def _receive(connection: socket.socket) -> tuple[int, bytes]:
    kind, length = struct.unpack(">BxL", _exactly(connection, 6))
    return kind, _exactly(connection, length)


def _exactly(connection: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        more = connection.recv(min(65536, length - len(data)))
        if not more:
            raise ConnectionError("closed by the peer")
        data += more
    return bytes(data)


def _items(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    at = 0
    while at < len(data):
        kind, length = struct.unpack(">BxH", data[at : at + 4])
        found.append((kind, data[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


def _values(body: bytes) -> list[tuple[int, int, bytes]]:
    found = []
    at = 0
    while at < len(body):
        (length,) = struct.unpack(">L", body[at : at + 4])
        found.append((body[at + 4], body[at + 5], body[at + 6 : at + 4 + length]))
        at += 4 + length
    return found


def _data(context: int, command: bytes) -> bytes:
    return _pdu(4, struct.pack(">LBB", len(command) + 2, context, 3) + command)


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


def _item(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(data)) + data


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, element, len(value)) + value
