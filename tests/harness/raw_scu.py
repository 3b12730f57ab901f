"""A storage SCU that speaks PS3.8 by hand, so that it can say what no honest sender says."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_COMMAND, _LAST = 1, 2


class RawScu:
    """One association over a plain socket, with one presentation context.

    Attributes
    ----------
    answer
        Type of the PDU that answered the request: 2 accepted, 3 rejected.
    rejection
        Result, source and diagnostic of a rejection.
    transfer_syntax
        The one that the acceptor chose.
    """

    def __init__(
        self,
        port: int,
        *,
        calling: str = "RAW",
        called: str = "SYNTHNODE",
        abstract: str = CT_IMAGE,
        syntaxes: tuple[str, ...] = (EXPLICIT,),
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(association_request(calling, called, abstract, syntaxes))
        self.answer, body = self.receive()
        self.rejection = tuple(body[1:4]) if self.answer == 3 else None
        self.transfer_syntax = _chosen(body) if self.answer == 2 else ""

    def __enter__(self) -> RawScu:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def store(self, uid: str, data_set: bytes | None, *, sop_class: str = CT_IMAGE, chunk: int = 16000) -> int:
        """Send one C-STORE and return the status; a data set of None is announced as absent."""
        self.begin_store(uid, has_data_set=data_set is not None, sop_class=sop_class)
        if data_set is not None:
            self.send_data(data_set, last=True, chunk=chunk)
        return self.status()

    def begin_store(self, uid: str, *, has_data_set: bool = True, sop_class: str = CT_IMAGE) -> None:
        """Send the command of a C-STORE."""
        self._send_pdv(self.command(uid, has_data_set=has_data_set, sop_class=sop_class), _COMMAND | _LAST)

    @staticmethod
    def command(uid: str, *, has_data_set: bool = True, sop_class: str = CT_IMAGE) -> bytes:
        """Return the command set of a C-STORE."""
        command = b"".join(
            (
                _element(0x0002, _padded(sop_class)),
                _element(0x0100, struct.pack("<H", 0x0001)),
                _element(0x0110, struct.pack("<H", 1)),
                _element(0x0700, struct.pack("<H", 0)),
                _element(0x0800, struct.pack("<H", 0x0000 if has_data_set else 0x0101)),
                _element(0x1000, _padded(uid)),
            )
        )
        return _element(0x0000, struct.pack("<L", len(command))) + command

    def send_data(self, data: bytes, *, last: bool, chunk: int = 16000) -> None:
        """Send a part of the data set."""
        parts = [data[at : at + chunk] for at in range(0, len(data), chunk)] or [b""]
        for part in parts[:-1]:
            self._send_pdv(part, 0)
        self._send_pdv(parts[-1], _LAST if last else 0)

    def status(self) -> int:
        """Wait for the response and return its status."""
        kind, body = self.receive()
        if kind != 4:
            raise ConnectionError(f"PDU type {kind} in place of a response")
        return _status(body[6:])

    def release(self) -> None:
        """Release the association in good order."""
        self.socket.sendall(struct.pack(">BBL4x", 5, 0, 4))
        kind, _ = self.receive()
        if kind != 6:
            raise ConnectionError(f"PDU type {kind} in place of a release")

    def abort(self) -> None:
        """Abort the association."""
        self.socket.sendall(struct.pack(">BBL4x", 7, 0, 4))

    def receive(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU."""
        kind, length = struct.unpack(">BxL", self._exactly(6))
        return kind, self._exactly(length)

    def closed_within(self, seconds: float) -> bool:
        """Tell whether the peer closes the connection in time."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            if not more:
                raise ConnectionError("closed by the peer")
            data += more
        return data

    def _send_pdv(self, data: bytes, control: int) -> None:
        self.socket.sendall(pdv(data, control))


def pdv(data: bytes, control: int) -> bytes:
    """Return a P-DATA-TF with one value; control 1 marks a command set, 2 a last fragment."""
    value = struct.pack(">LBB", len(data) + 2, 1, control) + data
    return struct.pack(">BBL", 4, 0, len(value)) + value


def association_request(
    calling: str,
    called: str,
    abstract: str,
    syntaxes: tuple[str, ...],
    *,
    context: int = 1,
    user: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """Return an A-ASSOCIATE-RQ with one presentation context of that number, and items more behind what is usual."""
    proposed = struct.pack(">B3x", context) + item(0x30, abstract.encode())
    proposed += b"".join(item(0x40, syntax.encode()) for syntax in syntaxes)
    about = item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3.4") + user
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, _APPLICATION_CONTEXT.encode()) + item(0x20, proposed) + item(0x50, about) + more
    return struct.pack(">BBL", 1, 0, len(body)) + body


def item(kind: int, data: bytes) -> bytes:
    """Return an item of a request."""
    return struct.pack(">BBH", kind, 0, len(data)) + data


def _chosen(body: bytes) -> str:
    at = 68
    while at < len(body):
        kind, length = struct.unpack(">BxH", body[at : at + 4])
        if kind == 0x21:
            return body[at + 12 : at + 4 + length].decode() if body[at + 6] == 0 else ""
        at += 4 + length
    return ""


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, element, len(value)) + value


def _padded(uid: str) -> bytes:
    value = uid.encode()
    return value + b"\x00" * (len(value) % 2)


def _status(command: bytes) -> int:
    at = 0
    while at < len(command):
        _group, element, length = struct.unpack("<HHL", command[at : at + 8])
        if element == 0x0900:
            return int(struct.unpack("<H", command[at + 8 : at + 10])[0])
        at += 8 + length
    raise ConnectionError("a response without status")
