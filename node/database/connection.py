"""Connections: every PRAGMA and every difference between SQLite and PostgreSQL stands in this file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, BigInteger, ColumnElement, cast, create_engine, event, func, select, text
from sqlalchemy.orm import Session

from node.errors import Transient

BUSY_TIMEOUT_MS = 30_000
"""How long a writer waits for another; beside three writers a wait of 5.9 s was seen, sqlite3's default is 5 s."""

LONGEST_PAUSE_MS = 120_000
"""How long a transaction may ask nothing on PostgreSQL: a process that was stopped in the middle, or whose machine is
gone, holds its locks no longer. Reading the headers of a batch takes seconds."""

_EXCLUSIVE_WRITERS = 0x73796E74
"""Key of PostgreSQL's advisory lock for `Database.write_exclusively`; any number that nobody else uses."""

_BRIEF_WRITERS = 0x73796E76
"""Key of PostgreSQL's advisory lock for `Database.write_briefly`."""

_BRIEF_PAUSE_MS = 3_000

_ONE_NODE = 0x73796E75
"""Key of PostgreSQL's advisory lock for `Database.alone`."""

_LET_GO_OF_A_LOST_PEER = ("tcp_keepalives_idle = 20", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3")
"""A machine that lost its power is missed within a minute, and not within the two hours of most systems."""


class Database:
    """The application's database.

    Parameters
    ----------
    url
        SQLAlchemy URL, e.g. ``sqlite:////data/node.db`` or ``postgresql+psycopg://node@host/node``.
    longest_pause_ms
        As `LONGEST_PAUSE_MS`.
    """

    def __init__(self, url: str, longest_pause_ms: int = LONGEST_PAUSE_MS) -> None:
        self.url = url
        self._longest_pause_ms = longest_pause_ms
        self._user = ""
        if url.startswith("sqlite"):
            self.engine = create_engine(url)
            event.listen(self.engine, "connect", _prepare_sqlite)
        else:
            # Whatever the server's default is: `change_state` and `write_exclusively` rest on this level.
            self.engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
            event.listen(self.engine, "connect", self._prepare_postgresql)

    @classmethod
    def embedded(cls, file: Path) -> Database:
        """Return the SQLite database in `file`."""
        return cls(f"sqlite:///{file}")

    @property
    def exists(self) -> bool:
        """Whether there is a database to connect to; connecting to an absent SQLite file would make an empty one."""
        file = self.engine.url.database
        return self.engine.dialect.name != "sqlite" or not file or Path(file).exists()

    @property
    def name(self) -> str:
        """What people call it: SQLite's file, or server and database."""
        url = self.engine.url
        if self.engine.dialect.name == "sqlite":
            return url.database or ""
        return URL.create(
            "postgresql", url.username, host=url.host, port=url.port, database=url.database
        ).render_as_string()

    @property
    def now_ms(self) -> ColumnElement[int]:
        """The database's own time within a statement, in milliseconds since 1970: one clock for all machines."""
        if self.engine.dialect.name == "sqlite":
            days = func.julianday("now") - 2440587.5  # the Julian day of 1970-01-01
            return cast(days * 86_400_000, BigInteger)
        return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for questions, all answered as of one moment; nothing that it changes is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN")
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session for a change: committed at the end of the block, rolled back when it raises.

        The write lock is taken at the start: on SQLite a deferred transaction that turns into a writer
        after reading fails at once when another wrote in between, whatever the time-out.
        """
        with Session(self.engine, expire_on_commit=False) as session:
            if self.engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    @contextmanager
    def write_exclusively(self) -> Iterator[Session]:
        """Open a session for a change as `write` does, one at a time among all processes and machines.

        On PostgreSQL others that merely `write` go on beside it. The lock is taken first: whoever holds it waits for
        rows that a `write` holds, never the other way round.
        """
        with self.write() as session:
            if self.engine.dialect.name == "postgresql":
                session.execute(select(func.pg_advisory_xact_lock(_EXCLUSIVE_WRITERS)))
            yield session

    @contextmanager
    def write_briefly(self) -> Iterator[Session]:
        """Open a session for a change of milliseconds that others wait for, one at a time among all machines.

        It waits for none of `write_exclusively`. On PostgreSQL whoever is stopped in the middle loses it after seconds.
        """
        with self.write() as session:
            if self.engine.dialect.name == "postgresql":
                session.connection().exec_driver_sql(
                    f"SET LOCAL idle_in_transaction_session_timeout = {_BRIEF_PAUSE_MS}"
                )
                session.execute(select(func.pg_advisory_xact_lock(_BRIEF_WRITERS)))
            yield session

    def open_as(self, user: str) -> None:
        """Name this process's connections, 63 characters at most, so that they can be ended by that name."""
        self._user = user
        self.engine.dispose()

    def end_connections(self, session: Session, users: Collection[str]) -> None:
        """Have the server end the connections that were opened under these names, with all that they hold locked.

        SQLite has no server; there a process's locks end with the process.
        """
        if self.engine.dialect.name == "postgresql" and users:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid() AND application_name = ANY(:users)"
                ),
                {"users": list(users)},
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other nodes from this database within the block; with SQLite the data folder's own lock does that.

        Should the connection break, the lock is gone with it: this keeps somebody from starting a second node, and
        what is right with several writers does not rest on it.

        Raises
        ------
        Transient
            ``database-in-use``.
        """
        if self.engine.dialect.name == "sqlite":
            yield
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # closed at the end and not kept in the pool: the lock is the connection's
            for setting in _LET_GO_OF_A_LOST_PEER:
                connection.exec_driver_sql(f"SET {setting}")
            if not connection.scalar(select(func.pg_try_advisory_lock(_ONE_NODE))):
                raise Transient("database-in-use", database=self.name)
            yield

    def close(self) -> None:
        """Close all pooled connections."""
        self.engine.dispose()

    def _prepare_postgresql(self, connection: Any, _record: Any) -> None:
        connection.execute(f"SET idle_in_transaction_session_timeout = {self._longest_pause_ms}")
        if self._user:
            connection.execute("SELECT set_config('application_name', %s, false)", (self._user,))
        connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver would otherwise begin deferred transactions by itself before each change.
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys=ON")
    # Erased patient identifiers must not stay readable in freed pages; most builds of SQLite leave them there.
    connection.execute("PRAGMA secure_delete=ON")
