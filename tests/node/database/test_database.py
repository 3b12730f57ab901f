"""The database: migrations agree with the tables beside the engine's own, and writers wait instead of failing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from alembic import command
from postgresql import BOTH_DATABASES
from sqlalchemy import inspect, text

from node.archive.tables import JournalPositionRow
from node.database import Database, migrate
from node.database.migrate import alembic_config, check_revision
from node.errors import Permanent
from node.jobs.queue import JobQueue

pytestmark = BOTH_DATABASES


def engines_schema(database: Database) -> str:
    """The schema that the job engine's tables are in."""
    return "main" if database.engine.dialect.name == "sqlite" else "dbos"


@pytest.fixture
def database(migrated_database: Database) -> Database:
    return migrated_database


def test_the_migrations_give_the_tables_of_the_code_beside_the_engines(database: Database) -> None:
    command.check(alembic_config(database))  # raises when a table or column differs
    assert {"studies", "runs", "audit_rows"} <= set(inspect(database.engine).get_table_names())
    assert "workflow_status" in inspect(database.engine).get_table_names(schema=engines_schema(database))


def test_migrating_twice_changes_nothing(database: Database) -> None:
    before = inspect(database.engine).get_table_names()
    migrate(database)
    assert inspect(database.engine).get_table_names() == before


@pytest.mark.hazard("HAZ-23")
def test_another_revision_is_refused(database: Database) -> None:
    check_revision(database)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Permanent, match=r"schema-revision.*9999"):
        check_revision(database)


def enqueue_and_fail(database: Database, queue: JobQueue) -> None:
    with database.write() as session:
        queue.enqueue_run(session, "never", 1)
        raise RuntimeError("the change came to nothing")


def test_a_job_is_enqueued_with_the_change_or_not_at_all(database: Database) -> None:
    queue = JobQueue(database.url)
    try:
        with pytest.raises(RuntimeError, match="came to nothing"):
            enqueue_and_fail(database, queue)
        with database.write() as session:
            queue.enqueue_run(session, "once", 1)
            queue.enqueue_run(session, "once", 1)
        with database.read() as session:
            jobs = (
                session.execute(text(f"SELECT workflow_uuid FROM {engines_schema(database)}.workflow_status"))
                .scalars()
                .all()
            )
        assert jobs == ["run/once/1"]
    finally:
        queue.close()


@pytest.mark.hazard("HAZ-22")
def test_no_writer_fails_because_another_writes(database: Database) -> None:
    with database.write() as session:
        session.execute(text("CREATE TABLE counter (n INTEGER)"))
        session.execute(text("INSERT INTO counter VALUES (0)"))
    failures: list[Exception] = []

    def add(times: int) -> None:
        for _ in range(times):
            try:
                with database.write_exclusively() as session:
                    n = session.execute(text("SELECT n FROM counter")).scalar_one()
                    session.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})
            except Exception as error:  # collected and asserted below
                failures.append(error)

    threads = [threading.Thread(target=add, args=(25,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.execute(text("SELECT n FROM counter")).scalar_one() == 100
    assert failures == []


def test_a_reader_sees_one_moment(database: Database) -> None:
    with database.read() as session:
        assert session.get(JournalPositionRow, "receive") is None
        with database.write() as other:
            other.add(JournalPositionRow(receiver="receive", sequence=1, offset=1))
        assert session.get(JournalPositionRow, "receive") is None
    with database.read() as session:
        assert session.get(JournalPositionRow, "receive") is not None


def test_a_read_session_keeps_nothing(database: Database) -> None:
    with database.read() as session:
        session.execute(text("INSERT INTO alembic_version VALUES ('x')"))
    with database.read() as session:
        assert session.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_time_without_zone_never_reaches_a_column(database: Database) -> None:
    from node.database.base import Utc

    dialect = database.engine.dialect
    aware = datetime(2026, 5, 1, 12, tzinfo=UTC)
    stored = Utc().process_bind_param(aware, dialect)
    assert Utc().process_result_value(stored, dialect) == aware
    with pytest.raises(ValueError, match="without a zone"):
        Utc().process_bind_param(datetime(2026, 5, 1, 12), dialect)


def test_sizes_and_their_sums_pass_two_gib(database: Database) -> None:
    with database.write() as session:
        session.add(JournalPositionRow(receiver="receive", sequence=3 * 2**31, offset=5 * 2**31))
    with database.read() as session:
        row = session.get_one(JournalPositionRow, "receive")
        assert (row.sequence, row.offset) == (3 * 2**31, 5 * 2**31)
