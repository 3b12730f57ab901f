"""A receiver put together from its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.archive.files import ArchiveFiles
from node.clock import Clock
from node.receive.admission import Admission
from node.receive.commitments import Commitments
from node.receive.intake import Intake
from node.receive.journal import Journal
from node.receive.limits import ConnectionLimits
from node.receive.scp import Receiver


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What a receive process needs to know.

    Attributes
    ----------
    name
        The receiver's name in journals; one process each.
    machine
        Id of this machine.
    archive, journal
        Folders of the files and of the journals.
    host, port
        Where to listen; port 0 is any free one.
    admission
        Who may come in.
    limits
        Time-outs and sizes.
    commitments
        The folder of what peers report on storage commitment.
    """

    name: str
    machine: str
    archive: Path
    journal: Path
    host: str
    port: int
    admission: Admission
    limits: ConnectionLimits
    commitments: Path


@dataclass(frozen=True, slots=True)
class Reception:
    """A receiver that listens.

    Attributes
    ----------
    port
        Where.
    """

    receiver: Receiver
    journal: Journal
    port: int

    @classmethod
    def open(cls, options: ReceiveOptions, clock: Clock) -> Reception:
        """Build a receiver from its parts and let it listen.

        Raises
        ------
        Permanent
            ``receiver-running``: another process has that name.
        Transient
            The port is taken, or the journal cannot be written.
        """
        journal = Journal(options.journal, options.name, clock)
        options.archive.mkdir(parents=True, exist_ok=True)
        intake = Intake(ArchiveFiles(options.archive, options.machine), journal, clock)
        # In the archive's own file system: who has room for an object there has room for it while it comes in.
        receiver = Receiver(
            intake, options.admission, options.limits, options.archive, Commitments(options.commitments)
        )
        return cls(receiver, journal, receiver.start(options.host, options.port))

    def close(self) -> None:
        """Abort what is open, stop listening, and close the journal."""
        self.receiver.stop()
        self.journal.close()
