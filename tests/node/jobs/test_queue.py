"""The queue's door: what an executor left that is not started any more goes back to its queue."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, text

from node.jobs.queue import INFERENCE
from node.runs.tables import RunRow

pytestmark = BOTH_DATABASES


def jobs(rooms) -> list[tuple[str, str]]:
    with rooms.node.database.read() as session:
        return [tuple(row) for row in session.execute(text("SELECT status, queue_name FROM workflow_status"))]


def begun_by(rooms, executor: str) -> None:
    with rooms.node.database.write() as session:
        session.execute(text("UPDATE workflow_status SET status = 'PENDING', executor_id = :who"), {"who": executor})


@pytest.mark.hazard("HAZ-11")
def test_the_job_of_a_worker_that_is_no_more_is_taken_up_by_another(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    begun_by(rooms, "worker-1")
    assert rooms.node.queue.take_back({"engine", "worker-0"}) == 1
    assert jobs(rooms) == [("ENQUEUED", INFERENCE)]


def test_the_job_of_a_worker_that_is_started_stays_its_own(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    begun_by(rooms, "worker-1")
    assert rooms.node.queue.take_back({"engine", "worker-0", "worker-1"}) == 0
    assert jobs(rooms) == [("PENDING", INFERENCE)]


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
