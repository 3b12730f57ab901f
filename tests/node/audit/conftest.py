from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from logs_state import given_back
from postgresql import PostgresqlServer

from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail, PatientIdentity
from node.audit.anchor import Anchor
from node.audit.tables import AuditIdentity, AuditRow, AuditSeal
from node.audit.verify import VerifyReport, verify
from node.clock import SetClock
from node.database import Base, Database
from node.observe import configure_logging

ENGINE = Actor.service("engine")


@dataclass(frozen=True)
class Room:
    folder: Path
    database: Database
    anchor: Anchor
    trail: AuditTrail

    def note(self, count: int, start: int = 0) -> None:
        """Record `count` acts, each in a transaction of its own, on three patients by turns."""
        for number in range(start, start + count):
            patient = PatientIdentity(f"PID{number % 3}", "SITE", f"Doe^Jo{number % 3}", "19700101")
            with self.trail.recording() as recording:
                recording.record(
                    AuditEvent(
                        AuditCode.STUDY_ROUTED,
                        ENGINE,
                        study_uid=f"1.2.{number}",
                        patient=patient,
                        details={"instances": number, "share": number / 7, "series": ["1.2.3", "é"]},
                    )
                )

    def verify(self) -> VerifyReport:
        return verify(self.database, self.anchor)

    def sql(self, statement: str, *values: object) -> None:
        """Do to the database what nobody should."""
        with self.database.engine.connect() as connection:
            connection.exec_driver_sql(statement, values)
            connection.commit()


def new_room(folder: Path, url: str | None = None, machine: str = "anchor") -> Room:
    """Return a room on the database of that URL, None: on SQLite in the folder; each machine has its own anchor."""
    database = Database.embedded(folder / "node.db") if url is None else Database(url)
    tables = [AuditRow.__table__, AuditIdentity.__table__, AuditSeal.__table__]
    Base.metadata.create_all(database.engine, tables=tables)
    anchor = Anchor(folder / machine / "audit.anchor", folder / "keys" / "audit.key")
    clock = SetClock(datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    return Room(folder, database, anchor, AuditTrail(database, anchor, clock))


@pytest.fixture(scope="session")
def room_factory() -> Callable[..., Room]:
    return new_room


@pytest.fixture
def room(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Room]:
    if dialect == "sqlite":
        made = new_room(tmp_path)
        yield made
        made.database.close()
        return
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    name = server.create_database()
    made = new_room(tmp_path, server.url(name))
    yield made
    made.database.close()
    server.drop_database(name)


@pytest.fixture
def configured_logs(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Configure the logs of a process, and return what reads its lines."""
    stream = io.StringIO()
    with given_back():
        configure_logging("engine", tmp_path, stream=stream)
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
