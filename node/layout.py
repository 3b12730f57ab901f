"""Where things lie: what each machine keeps for itself, and what all machines of a node see.

Imports nothing, so that the receive process can know it without the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie.

    Attributes
    ----------
    data
        The data folder: this machine's own, on a disk of its own.
    shared
        The folder that all machines of the node see; that of a node on one machine is its data folder.
    """

    data: Path
    shared: Path

    # This machine's own.

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.data / "node.db"

    @property
    def machine(self) -> Path:
        """This machine's id."""
        return self.data / "machine.id"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of the data folder."""
        return self.data / "node.lock"

    @property
    def audit(self) -> Path:
        """The audit trail's anchor and, without a setting, its key."""
        return self.data / "audit"

    @property
    def commitments(self) -> Path:
        """What peers say of storage commitment, from the receiver to the engine."""
        return self.data / "commitments"

    @property
    def run(self) -> Path:
        """Locks, heartbeats and ready marks of running processes."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.data / "logs"

    # What all machines see.

    @property
    def archive(self) -> Path:
        """The files of the archive."""
        return self.shared / "archive"

    @property
    def journal(self) -> Path:
        """The receivers' receipt journals."""
        return self.shared / "journal"

    @property
    def results(self) -> Path:
        """Kept results."""
        return self.shared / "results"

    @property
    def unfinished_rebuild(self) -> Path:
        """There while a rebuild of a lost database has begun and not ended."""
        return self.shared / "rebuild.unfinished"

    def make_own(self) -> None:
        """Make this machine's own folders, readable by the node's own user only."""
        _make(self.data, self.audit, self.run, self.logs)

    def make(self) -> None:
        """Make all folders; not before it is known that the shared folder is the node's."""
        self.make_own()
        _make(self.shared, self.archive, self.journal, self.results)


def _make(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
