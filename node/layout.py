"""Where things lie in the data folder; imports nothing, so that the receive process can know it without the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in the data folder."""

    data: Path

    @property
    def database(self) -> Path:
        """The embedded database."""
        return self.data / "node.db"

    @property
    def unfinished_rebuild(self) -> Path:
        """There while a rebuild of a lost database has begun and not ended."""
        return self.data / "rebuild.unfinished"

    @property
    def archive(self) -> Path:
        """The files of the archive."""
        return self.data / "archive"

    @property
    def journal(self) -> Path:
        """The receivers' receipt journals."""
        return self.data / "journal"

    @property
    def results(self) -> Path:
        """Kept results."""
        return self.data / "results"

    @property
    def audit(self) -> Path:
        """The audit trail's anchor."""
        return self.data / "audit"

    @property
    def run(self) -> Path:
        """Locks, heartbeats and ready marks of running processes."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """Log files."""
        return self.data / "logs"

    def make(self) -> None:
        """Make the folders, readable by the node's own user only."""
        for folder in (self.data, self.archive, self.journal, self.results, self.audit, self.run, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
