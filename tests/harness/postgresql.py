"""A throw-away PostgreSQL server of this test session, reached through a socket in its own folder."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
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

SITE_USER = "synthnode"
"""A user as a site makes one: no superuser, and let in by a password alone."""

_POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))

BOTH_DATABASES = pytest.mark.parametrize("dialect", ["sqlite", _POSTGRESQL])
"""Marks a test, or all of a file, to run on both databases; its fixtures ask for `dialect`."""

ON_POSTGRESQL = pytest.mark.parametrize("dialect", [_POSTGRESQL])
"""Marks a test, or all of a file, to run on PostgreSQL alone."""


@pytest.fixture
def dialect() -> str:
    """The database that a test runs on: SQLite, unless it is marked for both."""
    return "sqlite"


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A running server."""

    folder: Path
    _launch: tuple[str, ...]
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)
    password: str = field(default_factory=secrets.token_hex, repr=False)
    """The site user's."""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._running.append(subprocess.Popen(self._launch, stdout=log, stderr=log, cwd=self.folder))
        ready = [program("pg_isready"), f"--host={self.folder}", "--quiet"]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, within=30, what="PostgreSQL to answer")

    def stop(self) -> None:
        """Stop it: every connection breaks, and what was not committed is gone."""
        running = self._running.pop()
        running.send_signal(signal.SIGINT)  # its fast way: SIGTERM waits for connections that a test left open
        running.wait(timeout=30)

    def create_database(self, template: str = "template0", owner: str = _USER) -> str:
        """Make a database, a copy of `template`, and return its name."""
        name = f"node_{next(self._numbers)}"
        self._run("createdb", f"--template={template}", f"--owner={owner}", name)
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run("dropdb", "--force", name)

    def url(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database of this server."""
        return f"postgresql+psycopg://{_USER}@/{name}?host={self.folder}"

    def site_url(self, passfile: Path) -> str:
        """Make a database of the site user and its password file, and return its address as settings have it."""
        name = self.create_database(owner=SITE_USER)
        passfile.touch(mode=0o600)
        passfile.write_text(f"*:*:*:{SITE_USER}:{self.password}\n")
        return f"postgresql://{SITE_USER}@/{name}?host={self.folder}&passfile={passfile}"

    def create_users(self) -> None:
        """Make the site user, and let tests name the job engine's tables as on SQLite; once a server."""
        self._run(
            "psql",
            "--quiet",
            _USER,
            said=f"CREATE ROLE {SITE_USER} LOGIN PASSWORD '{self.password}';"
            f"ALTER ROLE {_USER} SET search_path = public, dbos;",
        )

    def _run(self, command: str, *arguments: str, said: str = "") -> None:
        subprocess.run(
            [program(command), f"--host={self.folder}", f"--username={_USER}", *arguments],
            check=True,
            capture_output=True,
            input=said.encode(),
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
    launch = ["setpriv", *as_user, "--pdeathsig=INT"]
    with (folder / "server.log").open("wb") as log:
        subprocess.run([*launch, *initdb, "--no-locale", "--no-sync"], check=True, stdout=log, stderr=log, cwd=folder)
    rules = data / "pg_hba.conf"
    # The first line that fits counts.
    rules.write_text(f"local all {SITE_USER} scram-sha-256\n" + rules.read_text())
    server_here = PostgresqlServer(folder, (*launch, *server))
    try:
        server_here.start()
        server_here.create_users()
        yield server_here
    finally:
        server_here.stop()
        shutil.rmtree(folder, ignore_errors=True)
