"""Migrating a database that holds rows: SQLite copies tables that others refer to, and nothing may be lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from postgresql import BOTH_DATABASES, PostgresqlServer

from node.database import Database
from node.database.migrate import alembic_config
from node.errors import Permanent

VALUES: dict[type, Any] = {str: "x", int: 1, float: 0.5, datetime: datetime(2026, 1, 1)}
KEYS = {"patient_key": 1}


def fill(database: Database) -> dict[str, dict[str, Any]]:
    """Put one row into every table, each referring to the others; return them by table."""
    known = sa.MetaData()
    known.reflect(database.engine)
    with database.engine.begin() as connection:
        for table in known.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert(), {column.name: value(column) for column in table.columns})
    return rows(database)


def value(column: sa.Column[Any]) -> Any:
    return KEYS.get(column.name) or VALUES.get(column.type.python_type, {})


def rows(database: Database) -> dict[str, dict[str, Any]]:
    """Return the one row of every table that has one."""
    with database.engine.connect() as connection:
        return {
            name: dict(row)
            for name in sa.inspect(connection).get_table_names()
            if name != "alembic_version"
            if (row := connection.exec_driver_sql(f'SELECT * FROM "{name}"').mappings().one_or_none()) is not None
        }


@pytest.fixture
def first(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the first revision."""
    if dialect == "sqlite":
        database = Database.embedded(tmp_path / "node.db")
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        database = Database(server.url(server.create_database()))
    command.upgrade(alembic_config(database), "0001")
    yield database
    database.close()


def foreign_keys(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one())


@pytest.mark.hazard("HAZ-11", "HAZ-23", "HAZ-01")
@BOTH_DATABASES
def test_every_row_of_the_first_revision_is_kept(first: Database) -> None:
    before = fill(first)
    assert {"studies", "runs", "run_inputs", "deliveries", "delivery_items"} <= set(before)
    command.upgrade(alembic_config(first), "head")
    after = rows(first)
    assert set(before) <= set(after)
    for table, row in before.items():
        kept = {name: found for name, found in row.items() if name in after[table]}
        assert kept == {name: after[table][name] for name in kept}
    models = after["runs"]["models"]
    assert (json.loads(models) if isinstance(models, str) else models)["generator"]["name"] == "x"
    if first.engine.dialect.name == "sqlite":
        assert foreign_keys(first) == 1


@pytest.mark.hazard("HAZ-01")
def test_a_migration_that_leaves_a_row_referring_to_none_is_not_made(first: Database) -> None:
    fill(first)
    with first.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM runs")
        connection.commit()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    with pytest.raises(Permanent, match=r"schema-references.*deliveries -> runs"):
        command.upgrade(alembic_config(first), "head")
    with first.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0001"
        assert "ae_title" not in {column["name"] for column in sa.inspect(connection).get_columns("deliveries")}
    assert foreign_keys(first) == 1


@dataclass(frozen=True)
class Former:
    """A database of the first revision with one released run of a model of some status, and its delivery."""

    database: Database

    def put(self, *, model_status: str = "x", run: str = "released", delivery: str = "pending", **columns: Any) -> None:
        """Enter a run and its delivery in the named states."""
        fill(self.database)
        with self.database.engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM delivery_items"))
            set_run = "UPDATE runs SET model_status = :status, state = :state, released_by = :by"
            by = None if delivery == "" else "m.curie"
            connection.execute(sa.text(set_run), {"status": model_status, "state": run, "by": by})
            if delivery == "":
                connection.execute(sa.text("DELETE FROM deliveries"))
                return
            values = {"state": delivery, "attempts": 0, "reason_code": None, **columns}
            names = ", ".join(f"{name} = :{name}" for name in values)
            connection.execute(sa.text(f"UPDATE deliveries SET {names}"), values)

    def migrated(self, table: str) -> dict[str, Any]:
        """Return the table's row after the migration."""
        command.upgrade(alembic_config(self.database), "head")
        return rows(self.database)[table]


@pytest.fixture
def former(first: Database) -> Former:
    return Former(first)


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-16")
@pytest.mark.parametrize(("status", "research_only"), [("reference", True), ("clinical", False)])
def test_only_what_a_reference_model_made_is_for_research_only(
    former: Former, status: str, research_only: bool
) -> None:
    former.put(model_status=status)
    assert bool(former.migrated("deliveries")["research_only"]) is research_only


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize(
    ("run", "delivery", "then"),
    [("failed", "failed", "undelivered"), ("failed", "", "failed"), ("delivered", "delivered", "delivered")],
)
def test_a_result_that_could_not_be_delivered_is_undelivered(
    former: Former, run: str, delivery: str, then: str
) -> None:
    former.put(run=run, delivery=delivery)
    assert former.migrated("runs")["state"] == then


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize(
    ("state", "reason", "attempts", "then"),
    [
        ("pending", None, 0, 1),
        ("pending", "store-out-of-resources", 2, 3),
        ("sending", None, 2, 2),
        ("failed", "job-given-up", 1, 2),
        ("delivered", None, 1, 1),
    ],
)
def test_a_deliverys_last_job_has_the_number_of_its_attempts(
    former: Former, state: str, reason: str | None, attempts: int, then: int
) -> None:
    former.put(delivery=state, reason_code=reason, attempts=attempts)
    assert former.migrated("deliveries")["attempts"] == then


@BOTH_DATABASES
@pytest.mark.hazard("HAZ-01")
def test_a_waiting_delivery_job_goes_into_its_destinations_queue(former: Former) -> None:
    former.put(delivery_id="r_1:pacs", destination="pacs")
    jobs = {
        "delivery/r_1:pacs/1": ("delivery", "pacs"),
        "delivery/rx1:pacs/1": ("delivery", None),
        "run/r_1:pacs/1": ("inference", None),
    }
    engines = "" if former.database.engine.dialect.name == "sqlite" else "dbos."
    with former.database.engine.begin() as connection:
        if engines:
            connection.execute(sa.text("CREATE SCHEMA dbos"))
        connection.execute(
            sa.text(
                f"CREATE TABLE {engines}workflow_status"
                " (workflow_uuid TEXT PRIMARY KEY, queue_name TEXT, queue_partition_key TEXT)"
            )
        )
        for job, (queue, _) in jobs.items():
            connection.execute(
                sa.text(f"INSERT INTO {engines}workflow_status VALUES (:job, :queue, NULL)"),
                {"job": job, "queue": queue},
            )
    command.upgrade(alembic_config(former.database), "head")
    with former.database.engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {engines}workflow_status")).all()
    assert {row.workflow_uuid: (row.queue_name, row.queue_partition_key) for row in found} == jobs
