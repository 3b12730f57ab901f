"""Alembic's environment: our metadata only, since autogenerate would drop the job engine's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.sql.schema import SchemaItem

from node.database.base import Utc
from node.database.connection import Database
from node.errors import Permanent
from node.tables import metadata


def _ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, _other: SchemaItem | None) -> bool:
    return not (kind == "table" and reflected and name not in metadata().tables)


def _plainly(kind: str, item: object, _context: object) -> str | Literal[False]:
    # A revision must not change its meaning when our types do: it names the column's own type.
    return "sa.DateTime()" if kind == "type" and isinstance(item, Utc) else False


def _run() -> None:
    database: Database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            with _foreign_keys_off(connection):
                _migrate(connection)
        else:
            _migrate(connection)


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    # Batch mode copies a table and drops the old one, which SQLite refuses while rows refer to it. Inside a
    # transaction this PRAGMA does nothing, and Alembic begins one only where none is open: hence the commits.
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")
        connection.commit()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata(),
        include_object=_ours,
        render_item=_plainly,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "sqlite":
            # The driver begins none before a change of the schema: half a migration would stay behind.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            _check_foreign_keys(connection)


def _check_foreign_keys(connection: Connection) -> None:
    """Raise before the commit when a row of our tables refers to none: the job engine's are not ours to judge."""
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    found = sorted({f"{row[0]} -> {row[2]}" for row in dangling if row[0] in metadata().tables})
    if found:
        raise Permanent("schema-references", found=", ".join(found))


_run()
