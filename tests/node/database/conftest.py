"""A database with the tables of the code, without the engine's migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.database import Database
from node.database.tables import metadata


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Database]:
    """A fresh database with all tables of ours."""
    database = Database.embedded(tmp_path / "node.db")
    metadata().create_all(database.engine)
    yield database
    database.close()
