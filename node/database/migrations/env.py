"""Alembic's environment: our metadata only, since autogenerate would drop the job engine's tables."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy.sql.schema import SchemaItem

from node.database.base import Utc
from node.database.connection import Database
from node.tables import metadata


def _ours(item: SchemaItem, name: str | None, kind: str, reflected: bool, _other: SchemaItem | None) -> bool:
    return not (kind == "table" and reflected and name not in metadata().tables)


def _plainly(kind: str, item: object, _context: object) -> str | Literal[False]:
    # A revision must not change its meaning when our types do: it names the column's own type.
    return "sa.DateTime()" if kind == "type" and isinstance(item, Utc) else False


def _run() -> None:
    database: Database = context.config.attributes["database"]
    with database.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata(),
            include_object=_ours,
            render_item=_plainly,
            render_as_batch=True,
            transactional_ddl=True,
        )
        with context.begin_transaction():
            context.run_migrations()


_run()
