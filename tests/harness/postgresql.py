"""A throw-away PostgreSQL server of this test session, reached through a socket in its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from peers import program
from waiting import wait_for

_USER = "postgres"

BOTH_DATABASES = pytest.mark.parametrize(
    "dialect", ["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))]
)
"""Marks a test, or all of a file, to run on both databases; its fixtures ask for `dialect`."""


@pytest.fixture
def dialect() -> str:
    """The database that a test runs on: SQLite, unless it is marked for both."""
    return "sqlite"


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A running server."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def create_database(self, template: str = "template0") -> str:
        """Make a database, a copy of `template`, and return its name."""
        name = f"node_{next(self._numbers)}"
        self._run("createdb", f"--template={template}", name)
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run("dropdb", "--force", name)

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://{_USER}@/{name}?host={self.folder}"

    def _run(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [program(command), f"--host={self.folder}", f"--username={_USER}", *arguments],
            check=True,
            capture_output=True,
        )


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """A server of its own for this session; the test is marked with the peer `postgresql`."""
    # Not pytest's folder: the server refuses to run as root, and its user may not enter root's.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, _USER, _USER)
        as_user = [f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
    data = folder / "data"
    initdb = [program("initdb"), f"--pgdata={data}", f"--username={_USER}", "--auth=trust", "--encoding=UTF8"]
    # Nothing here must outlive a power loss: no flushes, which take most of a test's time.
    server = [program("postgres"), "-D", str(data), "-k", str(folder), "-h", "", "-F"]
    with (folder / "server.log").open("wb") as log:
        launch = ["setpriv", *as_user, "--pdeathsig=INT"]
        subprocess.run([*launch, *initdb, "--no-locale", "--no-sync"], check=True, stdout=log, stderr=log, cwd=folder)
        running = subprocess.Popen([*launch, *server], stdout=log, stderr=log, cwd=folder)
    ready = [program("pg_isready"), f"--host={folder}", "--quiet"]
    try:
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, within=30, what="PostgreSQL to answer")
        yield PostgresqlServer(folder)
    finally:
        running.terminate()
        running.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)
