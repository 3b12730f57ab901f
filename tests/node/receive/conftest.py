"""A receiver on loopback, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import wait_for

from node.archive.files import ArchiveFiles
from node.clock import SystemClock
from node.receive.admission import Admission
from node.receive.entries import AssociationClosed, AssociationRefused, Entry, InstanceReceived
from node.receive.journal import JournalReader
from node.receive.limits import ConnectionLimits
from node.receive.reception import ReceiveOptions, Reception


@dataclass
class Loopback:
    """A reception, and what it has written down."""

    root: Path
    reception: Reception

    @property
    def port(self) -> int:
        return self.reception.port

    @property
    def files(self) -> ArchiveFiles:
        return ArchiveFiles(self.root / "archive")

    def entries(self) -> list[Entry]:
        lines = JournalReader(self.root / "journal").read("receive")
        return [line.entry for line in lines if line.entry is not None]

    def received(self) -> list[InstanceReceived]:
        return [entry for entry in self.entries() if isinstance(entry, InstanceReceived)]

    def closed(self, count: int = 1) -> list[str]:
        """Wait until so many associations have ended, and return how."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = [entry.end.value for entry in self.entries() if isinstance(entry, AssociationClosed)]
            return len(found) >= count

        wait_for(enough, within=20, what="associations to end", every=0.05)
        return found

    def refused(self) -> list[str]:
        return [entry.reason for entry in self.entries() if isinstance(entry, AssociationRefused)]

    def kept(self) -> dict[str, bytes]:
        """Return the kept files by SOP Instance UID."""
        return {entry.sop_instance_uid: self.files.path(entry.location).read_bytes() for entry in self.received()}


Opener = Callable[..., Loopback]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Opens a reception with other admission or limits."""
    open_ones: list[Reception] = []

    def opener(admission: Admission | None = None, limits: ConnectionLimits | None = None) -> Loopback:
        root = tmp_path / "node"
        options = ReceiveOptions(
            name="receive",
            machine="local",
            archive=root / "archive",
            journal=root / "journal",
            host="127.0.0.1",
            port=0,
            admission=admission or Admission("SYNTHNODE", (), 20),
            limits=limits or ConnectionLimits(),
            commitments=root / "commitments",
        )
        open_ones.append(Reception.open(options, SystemClock()))
        return Loopback(root, open_ones[-1])

    yield opener
    for reception in open_ones:
        reception.close()


@pytest.fixture
def loopback(opened: Opener) -> Loopback:
    """A reception with the defaults."""
    return opened()
