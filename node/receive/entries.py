"""What a receiver writes down: the four kinds of lines of the receipt journal, and their form on disk."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from node.errors import Permanent

SCHEMA = 1


class AssociationEnd(StrEnum):
    """How an association ended."""

    RELEASED = "released"
    ABORTED = "aborted"
    """By either side, or by a time-out of ours."""
    LOST = "lost"
    """The connection broke, or the receiver died while the association was open."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The peer of one association.

    Attributes
    ----------
    association_id
        Made by the receiver; 32 hexadecimal digits.
    calling_ae, called_ae
        AE titles without padding.
    host
        The peer's address.
    """

    association_id: str
    calling_ae: str
    called_ae: str
    host: str


@dataclass(frozen=True, slots=True)
class InstanceReceived:
    """An instance is durably kept and is about to be acknowledged.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid, transfer_syntax_uid
        As the association stated them; the data set itself is not looked at by a receiver.
    sha256, size, location
        As `node.archive.files.Kept`.
    """

    sender: Sender
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    size: int
    location: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AssociationClosed:
    """An association ended."""

    association_id: str
    end: AssociationEnd
    at: datetime


@dataclass(frozen=True, slots=True)
class AssociationRefused:
    """Associations were turned away; those of one host for one reason are counted over a minute.

    Attributes
    ----------
    count
        This one and those since the last line of the same host and reason.
    """

    calling_ae: str
    called_ae: str
    host: str
    reason: str
    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ReceiverStarted:
    """A receiver started: whatever associations it had open before are lost.

    Attributes
    ----------
    torn
        Bytes of an unfinished line at the end of its journal before; it was never acknowledged.
    """

    receiver: str
    torn: int
    at: datetime


Entry = InstanceReceived | AssociationClosed | AssociationRefused | ReceiverStarted

_KINDS: Mapping[str, type[Entry]] = {
    "instance": InstanceReceived,
    "closed": AssociationClosed,
    "refused": AssociationRefused,
    "started": ReceiverStarted,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode_line(entry: Entry) -> bytes:
    """Return the entry as one line: CRC-32 of the JSON in eight hexadecimal digits, a space, the JSON, a line feed."""
    content: dict[str, Any] = {"schema": SCHEMA, "kind": _NAMES[type(entry)], **asdict(entry)}
    content["at"] = entry.at.isoformat()
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode_line(line: bytes) -> Entry | None:
    """Return the entry of a complete line, or None when the line is damaged.

    Raises
    ------
    Permanent
        ``journal-schema``: the line is whole, but of a version that this software does not know.
    """
    checksum, _, text = line.removesuffix(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(text):
        return None
    content = json.loads(text)
    schema, kind = content.pop("schema"), content.pop("kind")
    if schema != SCHEMA or kind not in _KINDS:
        raise Permanent("journal-schema", found=f"{kind} of schema {schema}", accepted=SCHEMA)
    content["at"] = datetime.fromisoformat(content["at"])
    if "sender" in content:
        content["sender"] = Sender(**content["sender"])
    if "end" in content:
        content["end"] = AssociationEnd(content["end"])
    return _KINDS[kind](**content)
