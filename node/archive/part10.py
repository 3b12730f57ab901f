"""The head of a DICOM file (PS3.10 7.1): preamble and group 0002, which the content hash leaves out."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from node.errors import Permanent
from pipelines.objects.encoding import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

PREAMBLE = bytes(128) + b"DICM"

MAX_HEAD = 1 << 20
"""Bytes within which group 0002 must end; private information of a megabyte is no file meta."""

_LONG_VRS = frozenset({b"OB", b"OW", b"UN", b"UT", b"SQ", b"OF", b"OD", b"OL", b"OV", b"UC", b"UR", b"SV", b"UV"})


@dataclass(frozen=True, slots=True)
class FileHead:
    """What group 0002 says of the data set that follows.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid, transfer_syntax_uid
        (0002,0002), (0002,0003) and (0002,0010).
    length
        Bytes of preamble and group 0002: where the data set begins.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    length: int


def head_bytes(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return preamble and group 0002 for a data set; the same arguments give the same bytes."""
    group = b"".join(
        (
            struct.pack("<HH2sHL", 2, 0x0001, b"OB", 0, 2) + b"\x00\x01",
            _short(0x0002, b"UI", sop_class_uid),
            _short(0x0003, b"UI", sop_instance_uid),
            _short(0x0010, b"UI", transfer_syntax_uid),
            _short(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _short(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        )
    )
    return PREAMBLE + struct.pack("<HH2sHL", 2, 0x0000, b"UL", 4, len(group)) + group


def read_head(start: bytes) -> FileHead:
    """Read the head of a file from its first `MAX_HEAD` bytes, or all of it when it is shorter.

    Raises
    ------
    Permanent
        ``no-dicom-file`` with what is wrong.
    """
    if start[128:132] != b"DICM":
        raise Permanent("no-dicom-file", found="no DICM after 128 bytes")
    values: dict[int, str] = {}
    at = 132
    while start[at : at + 2] == b"\x02\x00":
        element = int.from_bytes(start[at + 2 : at + 4], "little")
        if start[at + 4 : at + 6] in _LONG_VRS:
            length, at = int.from_bytes(start[at + 8 : at + 12], "little"), at + 12
        else:
            length, at = int.from_bytes(start[at + 6 : at + 8], "little"), at + 8
        if at + length > len(start):
            raise Permanent("no-dicom-file", found="file meta information is cut or longer than a megabyte")
        values[element] = start[at : at + length].rstrip(b"\x00 ").decode("ascii", "replace")
        at += length
    if not values.get(0x0010):
        raise Permanent("no-dicom-file", found="no TransferSyntaxUID (0002,0010)")
    return FileHead(values.get(0x0002, ""), values.get(0x0003, ""), values[0x0010], at)


def _short(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii")
    if len(value) % 2:
        value += b"\x00" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, element, vr, len(value)) + value
