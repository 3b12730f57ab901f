"""A bench with what ingest reads and writes, without a network."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from part10 import data_set_bytes
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from small_dicom import file_of
from sqlalchemy import select

from node.archive.files import ArchiveFiles
from node.archive.ingest import Ingest
from node.archive.tables import InstanceRow, QuarantineRow, StudyRow
from node.audit import AuditTrail
from node.audit.anchor import Anchor
from node.audit.tables import AuditRow
from node.clock import SetClock
from node.database import Base, Database
from node.receive.entries import AssociationEnd, Sender
from node.receive.intake import Incoming, Intake
from node.receive.journal import Journal
from node.tables import metadata

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Bench:
    """An archive, a journal that is written by hand, and an ingest."""

    root: Path
    clock: SetClock
    files: ArchiveFiles
    database: Database
    trail: AuditTrail
    journal: Journal
    intake: Intake
    ingest: Ingest

    def sender(self, association: str = "a1", calling: str = "SCANNER", host: str = "127.0.0.1") -> Sender:
        return Sender(association, calling, "SYNTHNODE", host)

    def receive(self, *datasets: Dataset, sender: Sender | None = None, syntax: str = ExplicitVRLittleEndian) -> None:
        for ds in datasets:
            body = data_set_bytes(file_of(ds, syntax))
            self.receive_bytes(body, ds.SOPInstanceUID, ds.SOPClassUID, sender=sender, syntax=syntax)

    def receive_bytes(
        self,
        body: bytes,
        uid: str,
        sop_class: str,
        *,
        sender: Sender | None = None,
        syntax: str = ExplicitVRLittleEndian,
    ) -> None:
        self.clock.advance(1)
        self.intake.accept(Incoming(sop_class, uid, syntax, io.BytesIO(body)), sender or self.sender())

    def close(self, association: str = "a1") -> None:
        self.intake.ended(self.sender(association), AssociationEnd.RELEASED)

    def restart_receiver(self) -> None:
        self.journal.close()
        self.journal = Journal(self.root / "journal", "receive", self.clock)
        self.intake = Intake(self.files, self.journal, self.clock)

    def take_in(self) -> int:
        total = 0
        while count := self.ingest.step():
            total += count
        return total

    def rows(self, table: type[Base], **where: Any) -> list[Any]:
        with self.database.read() as session:
            found = list(session.scalars(select(table).filter_by(**where)))
            session.expunge_all()
            return found

    def study(self) -> StudyRow:
        (study,) = self.rows(StudyRow)
        assert isinstance(study, StudyRow)
        return study

    def instances(self) -> list[InstanceRow]:
        return self.rows(InstanceRow)

    def quarantine(self) -> list[tuple[str, str]]:
        return sorted((row.reason_code, row.sop_instance_uid) for row in self.rows(QuarantineRow))

    def audit(self, code: str) -> list[AuditRow]:
        return self.rows(AuditRow, code=code)


@pytest.fixture
def bench(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A fresh bench."""
    if dialect == "sqlite":
        database, trail = new_database(tmp_path)
    else:
        database = request.getfixturevalue("migrated_database")
        trail = AuditTrail(database, Anchor(tmp_path / "anchor", tmp_path / "key"), SetClock(NOON))
    clock = SetClock(NOON)
    files = ArchiveFiles(tmp_path / "archive")
    journal = Journal(tmp_path / "journal", "receive", clock)
    ingest = Ingest(tmp_path / "journal", files, database, trail)
    made = Bench(tmp_path, clock, files, database, trail, journal, Intake(files, journal, clock), ingest)
    yield made
    made.journal.close()
    made.database.close()


def new_database(root: Path) -> tuple[Database, AuditTrail]:
    """Return a new database with its audit trail, replacing what is there."""
    for file in root.glob("*.db*"):
        file.unlink()
    audit = root / "audit"
    audit.mkdir(exist_ok=True)
    for file in audit.iterdir():
        file.unlink()
    database = Database.embedded(root / "node.db")
    metadata().create_all(database.engine)
    return database, AuditTrail(database, Anchor(audit / "anchor", audit / "key"), SetClock(NOON))


@pytest.fixture
def new_node_database() -> Callable[[Path], tuple[Database, AuditTrail]]:
    """Replaces a node's database by a new, empty one."""
    return new_database
