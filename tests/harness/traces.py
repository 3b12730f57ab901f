"""What a trace of system calls says of the promise that an acknowledged instance is durable.

For every C-STORE response with status success that went out, the trace must show, in this order and each call ended
before the next began: the last write to the file, its fdatasync, the link to its name, the fsync of the directory, the
write of the journal's line, the journal's fdatasync; and then the response.
"""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

CALLS = "link,linkat,rename,renameat,renameat2,fsync,fdatasync,write,writev,pwrite64,sendto,sendmsg"

_LINE = re.compile(r"(\d+)\s+(.*)")
_CALL = re.compile(r"(\w+)\((.*)$", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_UNFINISHED = re.compile(r"\s*<unfinished \.\.\.>$")
_TARGET = re.compile(r"^\d+<(.*?)>(?=,|\)|\s|$)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FAILED = re.compile(r"\)\s+= -1 E[A-Z0-9]+ \([^)]*\)$")


def tracer(output: Path) -> list[str]:
    """Return the command line under which a program is traced into `output`."""
    return ["strace", "-f", "-yy", "-s", "65536", "-e", f"trace={CALLS}", "-o", str(output)]


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that did not fail.

    Attributes
    ----------
    name
        Its name.
    target
        Path or socket of its descriptor; empty where it has none.
    strings
        Its string arguments, decoded.
    began, ended
        Numbers of the lines on which it began and ended; a call that never ended has an infinite end.
    """

    name: str
    target: str
    strings: tuple[bytes, ...]
    began: int
    ended: float


def calls(lines: Iterable[str]) -> list[Call]:
    """Return the calls of a trace in the order in which they began; those of threads that interleave are joined."""
    found: list[Call] = []
    open_calls: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, said = match[1], match[2]
        resumed = _RESUMED.match(said)
        if resumed is not None:
            before, began = open_calls.pop(thread, ("", number))
            _add(found, before + resumed[2], began, number)
        elif _UNFINISHED.search(said):
            open_calls[thread] = (_UNFINISHED.sub("", said), number)
        else:
            _add(found, said, number, number)
    for said, began in open_calls.values():
        _add(found, said, began, float("inf"))
    return sorted(found, key=lambda call: call.began)


def unkept_promises(lines: Sequence[str]) -> list[str]:
    """Return, for each acknowledgement that came too early, which step is missing before it; none when all is well."""
    seen = calls(lines)
    return [problem for call in seen for uid in _acknowledged(call) for problem in _missing(seen, uid, call)]


def acknowledged(lines: Sequence[str]) -> list[str]:
    """Return the SOP Instance UIDs that were answered with success, in order."""
    return [uid for call in calls(lines) for uid in _acknowledged(call)]


def _missing(seen: Sequence[Call], uid: str, response: Call) -> list[str]:
    before = [call for call in seen if call.ended < response.began]
    line = next((call for call in before if uid in _received(call)), None)
    if line is None:
        return [f"{uid}: no line in the journal"]
    location = _received(line)[uid]
    link = next((call for call in before if call.name.startswith("link") and _linked(call).endswith(location)), None)
    if link is None:
        return [f"{uid}: no name"]
    part = link.strings[0].decode()
    writes = [call for call in before if call.target == part and call.name.startswith(("write", "pwrite"))]
    if not writes:
        return [f"{uid}: nothing was written"]
    folder = _linked(link).rpartition("/")[0]
    steps = (
        ("the file's flush", "fdatasync", part, max(call.ended for call in writes), link.began),
        ("the directory's flush", "fsync", folder, link.ended, line.began),
        ("the journal's flush", "fdatasync", line.target, line.ended, response.began),
    )
    return [
        f"{uid}: {what} is missing"
        for what, name, target, after, until in steps
        if not any(c.name == name and c.target == target and c.began > after and c.ended < until for c in before)
    ]


def _add(found: list[Call], said: str, began: int, ended: float) -> None:
    match = _CALL.match(said)
    if match is None or _FAILED.search(said):
        return
    arguments = match[2]
    target = _TARGET.match(arguments)
    strings = tuple(ast.literal_eval(f'b"{text}"') for text in _STRING.findall(arguments))
    found.append(Call(match[1], target[1] if target else "", strings, began, ended))


def _linked(call: Call) -> str:
    return call.strings[1].decode() if len(call.strings) == 2 else ""


def _received(call: Call) -> dict[str, str]:
    """Return locations by SOP Instance UID of the receipts in a write to a journal."""
    if call.name != "write" or not call.target.endswith(".journal"):
        return {}
    entries = [json.loads(line.partition(b" ")[2]) for text in call.strings for line in text.splitlines()]
    return {entry["sop_instance_uid"]: entry["location"] for entry in entries if entry["kind"] == "instance"}


def _acknowledged(call: Call) -> list[str]:
    """Return the SOP Instance UIDs of the successful C-STORE responses in a send."""
    if not call.name.startswith("send") or not call.strings or not call.strings[0].startswith(b"\x04\x00"):
        return []
    elements = _elements(call.strings[0][12:])
    is_store = elements.get(0x0100) == struct.pack("<H", 0x8001)
    succeeded = elements.get(0x0900) == struct.pack("<H", 0x0000)
    return [elements[0x1000].rstrip(b"\x00").decode()] if is_store and succeeded else []


def _elements(command: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at + 8 <= len(command):
        group, element, length = struct.unpack("<HHL", command[at : at + 8])
        if group == 0:
            found[element] = command[at + 8 : at + 8 + length]
        at += 8 + length
    return found
