"""Answers to requests for storage commitment, from the receiver to the engine: a file each in one folder.

Who asks writes down that an answer is expected and from whom; a report that nobody expects, or from somebody else, is
not kept. Both sides work on the same folder and need no database.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import Dataset

_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """What a peer says of the objects of one request (PS3.4 J.3.3).

    Attributes
    ----------
    committed
        SOP Instance UIDs that it keeps.
    failed
        Failure Reason by SOP Instance UID of those that it does not.
    """

    committed: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, information: Dataset) -> CommitmentReport:
        """Return what the information of an N-EVENT-REPORT says."""
        return cls(
            frozenset(str(item.ReferencedSOPInstanceUID) for item in information.get("ReferencedSOPSequence") or ()),
            {
                str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0x0110))
                for item in information.get("FailedSOPSequence") or ()
            },
        )


class Commitments:
    """The folder of expected and given answers.

    Parameters
    ----------
    folder
        Made by the first `expect`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def expect(self, transaction_uid: str, ae_title: str) -> None:
        """Write down that a peer is about to be asked.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._place(transaction_uid, "expected"), {"ae_title": ae_title})

    def keep(self, transaction_uid: str, ae_title: str, report: CommitmentReport) -> bool:
        """Keep a peer's answer durably; return False for one that nobody expects of that peer.

        Raises
        ------
        OSError
            The folder cannot be written.
        """
        if _UID.fullmatch(transaction_uid) is None:
            return False
        expected = _read(self._place(transaction_uid, "expected"))
        if expected is None or expected.get("ae_title") != ae_title:
            return False
        content = {"committed": sorted(report.committed), "failed": dict(report.failed)}
        _write(self._place(transaction_uid, "report"), content)
        return True

    def report(self, transaction_uid: str) -> CommitmentReport | None:
        """Return the answer, or None while there is none."""
        content = _read(self._place(transaction_uid, "report"))
        return None if content is None else CommitmentReport(frozenset(content["committed"]), content["failed"])

    def forget(self, transaction_uid: str) -> None:
        """Remove the answer and what was written down for it."""
        for kind in ("expected", "report"):
            self._place(transaction_uid, kind).unlink(missing_ok=True)

    def _place(self, transaction_uid: str, kind: str) -> Path:
        return self._folder / f"{transaction_uid}.{kind}.json"


def _write(place: Path, content: Mapping[str, object]) -> None:
    part = place.with_suffix(".part")
    with part.open("w", encoding="ascii") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(place)
    descriptor = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(place: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(place.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    assert isinstance(content, dict)
    return content
