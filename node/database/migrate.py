"""Bring a database to the schema revision that this code needs, and say which that is."""

from __future__ import annotations

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dbos import DBOS
from sqlalchemy import inspect

from node.database.connection import Database
from node.errors import Permanent


def migrate(database: Database) -> None:
    """Migrate our tables by Alembic, then the job engine's own."""
    command.upgrade(alembic_config(database), "head")
    DBOS.migrate(database.url)


def is_migrated(database: Database) -> bool:
    """Return whether the database holds a node's tables, of whatever revision."""
    return database.exists and inspect(database.engine).has_table("alembic_version")


def check_revision(database: Database) -> None:
    """Raise when the database's schema is not the one that this code was written for.

    Raises
    ------
    Permanent
        ``schema-revision``: found and expected revision.
    """
    expected = ScriptDirectory.from_config(alembic_config(database)).get_current_head()
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found != expected:
        raise Permanent("schema-revision", found=str(found), expected=str(expected))


def alembic_config(database: Database) -> Config:
    """Return the Alembic configuration for `database`; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(files("node.database") / "migrations"))
    config.attributes["database"] = database
    return config
