"""In which order one worker starts runs, on the real engine: by the second at which each is due, whoever came first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from dbos import DBOS

from node.jobs import dbos_process
from node.jobs.dbos_process import DbosProcess, Slots
from node.jobs.queue import INFERENCE, SYNTHESISE
from node.priority import Priority, due_second

pytestmark = pytest.mark.slow


class Worker:
    """A worker whose runs are nothing but their names; the first one lasts until it is let go."""

    def __init__(self, url: str) -> None:
        self.started: list[str] = []
        self.at_work, self.let_go = threading.Event(), threading.Event()

        @DBOS.workflow(name=SYNTHESISE)
        def synthesise(run_id: str) -> None:
            self.started.append(run_id)
            self.at_work.set()
            assert self.let_go.wait(20)

        DbosProcess(url, "worker-0", {INFERENCE: Slots(at_once=1)}).launch()


@pytest.fixture
def worker(rooms, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(dbos_process, "_POLL_S", 0.05)
    worker = Worker(rooms.node.database.url)
    yield worker
    worker.let_go.set()
    DBOS.destroy(destroy_registry=True)


def enqueue(rooms: Any, name: str, settled_at: datetime, priority: Priority) -> None:
    with rooms.node.database.write() as session:
        rooms.node.queue.enqueue_run(session, name, due_second(settled_at, priority))


@pytest.mark.hazard("HAZ-11")
def test_a_stroke_overtakes_and_old_routine_is_not_starved(rooms, worker: Worker) -> None:
    now = rooms.clock.now()
    enqueue(rooms, "at-work", now, Priority.ROUTINE)
    assert worker.at_work.wait(20)
    enqueue(rooms, "routine", now, Priority.ROUTINE)
    enqueue(rooms, "urgent", now, Priority.URGENT)
    enqueue(rooms, "old-routine", now - timedelta(hours=3.5), Priority.ROUTINE)
    enqueue(rooms, "very-old-routine", now - timedelta(hours=4, seconds=1), Priority.ROUTINE)
    enqueue(rooms, "stroke", now, Priority.STAT)
    worker.let_go.set()
    for job in ("routine", "urgent", "old-routine", "very-old-routine", "stroke"):
        DBOS.retrieve_workflow(f"run/{job}/1").get_result(polling_interval_sec=0.05)
    assert worker.started == ["at-work", "very-old-routine", "stroke", "old-routine", "urgent", "routine"]
