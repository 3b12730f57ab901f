"""What PostgreSQL alone needs: elsewhere no other machine writes, and a child without a heartbeat is killed."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context

import pytest
from postgresql import ON_POSTGRESQL
from sqlalchemy import text

from node.database import Database

pytestmark = ON_POSTGRESQL


@pytest.mark.hazard("HAZ-22")
@pytest.mark.timeout(60)
def test_a_process_that_was_stopped_in_a_recorded_change_holds_up_nobody_for_ever(migrated_database: Database) -> None:
    database = migrated_database
    database.close()
    context = get_context("fork")
    inside = context.Event()

    def hold() -> None:
        with Database(database.url, longest_pause_ms=500).write_exclusively():
            inside.set()
            signal.pause()

    stopped = context.Process(target=hold, daemon=True)
    stopped.start()
    assert inside.wait(20)
    os.kill(stopped.pid or 0, signal.SIGSTOP)
    try:
        with database.write_exclusively() as session:
            assert session.execute(text("SELECT 1")).scalar_one() == 1
    finally:
        stopped.kill()
