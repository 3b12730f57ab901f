"""PDUs of the DICOM upper layer (PS3.8 9.3) as bytes: checked before pynetdicom decodes them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from node.errors import NodeError
from node.receive.limits import ConnectionLimits

A_ASSOCIATE_RQ, P_DATA_TF = 0x01, 0x04
HEADER_BYTES = 6

_KNOWN = range(0x01, 0x08)
_SMALL_BYTES = 1024
"""More than any PDU but the request and P-DATA-TF needs: release, abort and reject have four bytes."""

_FIXED_BYTES = 68
_PRESENTATION_CONTEXT, _USER_INFORMATION = 0x20, 0x50
_ITEMS = frozenset({0x10, _PRESENTATION_CONTEXT, _USER_INFORMATION})
_USER_ITEMS = frozenset(range(0x51, 0x59))


class PduRefused(NodeError):
    """A PDU breaks the protocol or a limit; the connection is given up, and nothing of what it carries is kept."""


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """An A-ASSOCIATE-RQ as it is handed on.

    Attributes
    ----------
    calling_ae, called_ae
        AE titles without padding; empty where the request names none.
    pdu
        The whole PDU: padding by NUL made spaces, items that are not known left out.
    """

    calling_ae: str
    called_ae: str
    pdu: bytes


def body_length(header: bytes, limits: ConnectionLimits) -> int:
    """Return how many bytes follow a PDU's header of six bytes.

    Raises
    ------
    PduRefused
        ``pdu-unknown``, ``pdu-too-large``.
    """
    kind, length = struct.unpack(">BxL", header)
    if kind not in _KNOWN:
        raise PduRefused("pdu-unknown", found=f"type {kind:02X}")
    most = {A_ASSOCIATE_RQ: limits.request_bytes, P_DATA_TF: limits.data_bytes}.get(kind, _SMALL_BYTES)
    if length > most:
        raise PduRefused("pdu-too-large", found=f"type {kind:02X} of {length} bytes", accepted=f"at most {most}")
    return int(length)


def read_request(pdu: bytes) -> AssociationRequest:
    """Return what an A-ASSOCIATE-RQ says, in a form that pynetdicom decodes without fail.

    Raises
    ------
    PduRefused
        ``request-malformed``: it is another PDU, an item ends behind its end, or a presentation context has a number
        that is not odd (PS3.8 9.3.2.2).

    Notes
    -----
    Items and user items that are not known are ignored, as PS3.8 9.3.1 and 7.1.1.6 ask; pynetdicom would abort.
    """
    if pdu[0] != A_ASSOCIATE_RQ:
        raise PduRefused("request-malformed", found=f"a PDU of type {pdu[0]:02X}", accepted="A-ASSOCIATE-RQ first")
    body = pdu[HEADER_BYTES:]
    if len(body) < _FIXED_BYTES:
        raise PduRefused("request-malformed", found=f"{len(body)} bytes", accepted=f"at least {_FIXED_BYTES}")
    called, calling = _title(body[4:20]), _title(body[20:36])
    items = []
    for kind, content in _items(body[_FIXED_BYTES:]):
        if kind == _PRESENTATION_CONTEXT:
            _check_context(content)
        if kind == _USER_INFORMATION:
            content = b"".join(_item(*one) for one in _items(content) if one[0] in _USER_ITEMS)
        if kind in _ITEMS:
            items.append(_item(kind, content))
    titles = called.ljust(16).encode("ascii") + calling.ljust(16).encode("ascii")
    whole = body[:4] + titles + body[36:_FIXED_BYTES] + b"".join(items)
    return AssociationRequest(calling, called, struct.pack(">BBL", A_ASSOCIATE_RQ, 0, len(whole)) + whole)


def data_set_bytes(pdu: bytes) -> Iterator[tuple[int, bool]]:
    """Yield of each fragment of a data set in a P-DATA-TF its bytes, and whether it is the last of its data set.

    Raises
    ------
    PduRefused
        ``pdv-malformed``: a presentation data value ends behind the PDU's end or is empty (PS3.8 9.3.5.1).
    """
    return ((size, last) for size, is_command, last in _fragments(pdu) if not is_command)


def command_bytes(pdu: bytes) -> Iterator[tuple[int, bool]]:
    """Yield of each fragment of a command set what `data_set_bytes` yields of data sets; it raises the same."""
    return ((size, last) for size, is_command, last in _fragments(pdu) if is_command)


def _fragments(pdu: bytes) -> Iterator[tuple[int, bool, bool]]:
    """Yield of each fragment its bytes, whether it is of a command set, and whether it is the last of its set."""
    at = HEADER_BYTES
    while at < len(pdu):
        if at + 6 > len(pdu):
            raise PduRefused("pdv-malformed", found=f"{len(pdu) - at} bytes at its end", accepted="whole values")
        length, _context, control = struct.unpack(">LBB", pdu[at : at + 6])
        if length < 2 or at + 4 + length > len(pdu):
            raise PduRefused("pdv-malformed", found=f"{length} bytes", accepted=f"2 to {len(pdu) - at - 4}")
        yield length - 2, bool(control & 1), bool(control & 2)
        at += 4 + length


def rejection(result: int, source: int, diagnostic: int) -> bytes:
    """Return an A-ASSOCIATE-RJ (PS3.8 9.3.4)."""
    return struct.pack(">BBLBBBB", 0x03, 0, 4, 0, result, source, diagnostic)


def provider_abort(reason: int = 6) -> bytes:
    """Return an A-ABORT by the provider (PS3.8 9.3.8); reason 6 is an invalid value of a PDU's parameter."""
    return struct.pack(">BBLBBBB", 0x07, 0, 4, 0, 0, 2, reason)


def _title(padded: bytes) -> str:
    """Return an AE title: printable ASCII, without the padding, which some senders make of NUL."""
    text = padded.replace(b"\0", b" ").decode("ascii", "replace")
    return "".join(c if c.isprintable() and c.isascii() and c != "\\" else "?" for c in text).strip()


def _items(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(content):
        if at + 4 > len(content):
            raise PduRefused("request-malformed", found=f"{len(content) - at} bytes of an item", accepted="4 or more")
        kind, length = struct.unpack(">BxH", content[at : at + 4])
        if at + 4 + length > len(content):
            left = len(content) - at - 4
            raise PduRefused("request-malformed", found=f"an item {kind:02X} of {length} bytes", accepted=f"{left}")
        yield kind, content[at + 4 : at + 4 + length]
        at += 4 + length


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def _check_context(content: bytes) -> None:
    if len(content) < 4 or content[0] % 2 == 0:
        found = f"a presentation context {content[0]}" if content else "an empty presentation context"
        raise PduRefused("request-malformed", found=found, accepted="odd numbers from 1 to 255")
    for _kind, _content in _items(content[4:]):
        pass  # each of its items ends inside it
