"""Migrating a database that holds rows: SQLite copies tables that others refer to, and nothing may be lost."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

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
def first(tmp_path: Path) -> Database:
    """A database of the first revision."""
    database = Database.embedded(tmp_path / "node.db")
    command.upgrade(alembic_config(database), "0001")
    return database


def foreign_keys(database: Database) -> int:
    with database.engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one())


@pytest.mark.hazard("HAZ-11", "HAZ-23", "HAZ-01")
def test_every_row_of_the_first_revision_is_kept(first: Database) -> None:
    before = fill(first)
    assert {"studies", "runs", "run_inputs", "deliveries", "delivery_items"} <= set(before)
    command.upgrade(alembic_config(first), "head")
    after = rows(first)
    assert set(before) <= set(after)
    for table, row in before.items():
        kept = {name: found for name, found in row.items() if name in after[table]}
        assert kept == {name: after[table][name] for name in kept}
    assert '"name": "x"' in str(after["runs"]["models"])
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
