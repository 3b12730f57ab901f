"""The queue's door: what waits for its time, and what the engine keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, text

from node.runs.tables import RunRow

pytestmark = BOTH_DATABASES


@pytest.mark.hazard("HAZ-11")
def test_a_retry_is_due_though_the_clock_was_set_back(rooms) -> None:
    queue = rooms.node.queue
    with rooms.node.database.write() as session:
        queue.enqueue_delivery(session, "first:pacs", "pacs", delay_s=20.0)
    due = text("SELECT delay_until_epoch_ms FROM workflow_status WHERE status = 'DELAYED'")
    now = datetime.now(UTC)
    assert queue.hasten(now) == queue.hasten(now + timedelta(hours=1)) == 0
    assert queue.hasten(now - timedelta(hours=1)) == 1
    with rooms.node.database.read() as session:
        assert session.execute(due).scalars().all() == [0]


@pytest.mark.hazard("HAZ-24")
def test_what_the_engine_keeps_is_json_and_never_a_pickle(rooms, mr_study) -> None:
    """Whoever can write the database could run code in every process that reads a pickle."""
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        (run,) = session.scalars(select(RunRow))
        (kept,) = session.execute(text("SELECT inputs FROM workflow_input")).scalars()
    assert run.run_id in json.dumps(json.loads(kept))
