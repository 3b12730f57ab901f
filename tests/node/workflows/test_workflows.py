"""The workflows on the real engine: a busy database makes a step wait, any other fault ends by name."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dbos import DBOS
from sqlalchemy import select, text
from sqlalchemy.exc import InternalError, OperationalError

from node.actor import Actor, Role
from node.composition import Node
from node.deliver.tables import DeliveryRow
from node.errors import Transient
from node.jobs.dbos_process import DbosProcess, Slots
from node.jobs.queue import DELIVERY, INFERENCE
from node.processes.engine import DELIVERY_SLOTS
from node.runs.tables import RunRow
from node.states import DeliveryState, RunState
from node.workflows import workflows
from node.workflows.reaper import Reaper
from node.workflows.workflows import register_delivery, register_synthesis

pytestmark = pytest.mark.slow

SERVICE = Actor.service("engine")


class Attempts:
    """A sender whose first attempts end with an error."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def attempt(self, _delivery_id: str) -> None:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)


def reaper_of(node: Node) -> Reaper:
    return Reaper(
        node.database, node.queue, node.release_service, node.sender, node.notification_sender, node.clock, SERVICE
    )


@pytest.fixture
def engine(rooms, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], None]]:
    monkeypatch.setitem(workflows._PATIENT, "interval_seconds", 0.05)

    def start(sender: Any) -> None:
        register_delivery(sender)
        DbosProcess(rooms.node.database.url, "engine", {DELIVERY: DELIVERY_SLOTS}).launch()

    yield start
    DBOS.destroy(destroy_registry=True)


@pytest.fixture
def released(rooms, mr_study) -> str:
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        run_id = session.scalars(select(RunRow.run_id)).one()
    rooms.compute(run_id)
    rooms.node.release_service.release(run_id, Actor.person("m.curie", Role), "ok")
    return f"{run_id}:research"


def ended(rooms, job: str) -> str:
    """Wait for the job's end and return the engine's status."""
    question = text("SELECT status FROM workflow_status WHERE workflow_uuid = :job")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with rooms.node.database.read() as session:
            status = str(session.execute(question, {"job": job}).scalar())
        if status in {"SUCCESS", "ERROR"}:
            return status
        time.sleep(0.05)
    raise AssertionError("the job has not ended")


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize(
    "busy",
    [
        OperationalError("UPDATE delivery_items", {}, Exception("database is locked")),
        InternalError("UPDATE delivery_items", {}, Exception("cannot execute UPDATE in a read-only transaction")),
        Transient("state-changed", thing="delivery", seen="pending", new="sending"),
    ],
    ids=["database-locked", "database-read-only", "state-changed"],
)
def test_a_busy_database_makes_a_delivery_wait_and_does_not_end_it(
    rooms, released: str, engine: Callable, busy: Exception
) -> None:
    sender = Attempts(busy, busy)
    engine(sender)
    assert ended(rooms, f"delivery/{released}/1") == "SUCCESS"
    assert sender.count == 3


@pytest.mark.hazard("HAZ-11")
def test_any_other_fault_of_a_job_ends_its_delivery_by_name(rooms, released: str, engine: Callable) -> None:
    sender = Attempts(ValueError("a fault of ours"))
    engine(sender)
    assert ended(rooms, f"delivery/{released}/1") == "ERROR"
    assert sender.count == 1
    parts = rooms.node
    Reaper(
        parts.database,
        parts.queue,
        parts.release_service,
        parts.sender,
        parts.notification_sender,
        parts.clock,
        SERVICE,
    ).reap()
    with parts.database.read() as session:
        delivery, run = session.scalars(select(DeliveryRow)).one(), session.scalars(select(RunRow)).one()
    assert (delivery.state, delivery.reason_code) == (DeliveryState.FAILED, "job-given-up")
    assert (run.state, run.reason_code) == (RunState.UNDELIVERED, "job-given-up")


def end_badly(rooms: Any, job: str) -> None:
    """Have the engine give up a job that is in its queue; fails when there is no such job waiting."""
    given_up = text(
        "UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' "
        "WHERE workflow_uuid = :job AND status = 'ENQUEUED'"
    )
    with rooms.node.database.write() as session:
        assert session.execute(given_up, {"job": job}).rowcount == 1


@pytest.mark.hazard("HAZ-11")
def test_a_delivery_whose_job_died_unbegun_is_sent_again_by_a_job_of_its_own(rooms, released: str) -> None:
    parts = rooms.node
    reaper = Reaper(
        parts.database,
        parts.queue,
        parts.release_service,
        parts.sender,
        parts.notification_sender,
        parts.clock,
        SERVICE,
    )

    def state_after_reaping(by: Reaper) -> str:
        by.reap()
        with parts.database.read() as session:
            return session.get_one(DeliveryRow, released).state

    for attempt in (1, 2, 3):
        end_badly(rooms, f"delivery/{released}/{attempt}")
        assert state_after_reaping(reaper) == DeliveryState.FAILED
        parts.deliveries.deliver_again(released, Actor.person("m.curie", Role), "the machine is mended")
        # A process that starts now has seen no bad end yet, and must not take an old one for the new attempt's.
        fresh = Reaper(
            parts.database,
            parts.queue,
            parts.release_service,
            parts.sender,
            parts.notification_sender,
            parts.clock,
            SERVICE,
        )
        assert state_after_reaping(fresh) == DeliveryState.PENDING


@pytest.mark.hazard("HAZ-24")
def test_what_a_process_of_the_engine_keeps_is_json_and_never_a_pickle(rooms, released: str, engine: Callable) -> None:
    """Whoever can write the database could run code in every process that reads a pickle."""
    engine(Attempts(ValueError("a fault of ours")))
    assert ended(rooms, f"delivery/{released}/1") == "ERROR"
    with rooms.node.database.read() as session:
        jobs = session.execute(text("SELECT inputs, output, error FROM workflow_status")).all()
        steps = session.execute(text("SELECT output, error FROM operation_outputs")).all()
    kept = [value for row in (*jobs, *steps) for value in row if value is not None]
    assert any("a fault of ours" in json.dumps(json.loads(value)) for value in kept)


class Stalling:
    """A sender whose attempts end only when they are let go, except those to a healthy destination."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun: list[str] = []

    def attempt(self, delivery_id: str) -> None:
        self.begun.append(delivery_id)
        if "healthy" not in delivery_id:
            self.let_go.wait(60)


@pytest.mark.hazard("HAZ-11")
def test_destinations_that_stall_hold_up_nobody_but_themselves(rooms, engine: Callable) -> None:
    sender = Stalling()
    engine(sender)
    with rooms.node.database.write() as session:
        for number in range(12):
            for run in ("first", "second"):
                rooms.node.queue.enqueue_delivery(session, f"{run}:stalling-{number}", f"stalling-{number}")
        rooms.node.queue.enqueue_delivery(session, "first:healthy", "healthy")
    try:
        assert ended(rooms, "delivery/first:healthy/1") == "SUCCESS"
        assert not [delivery for delivery in sender.begun if delivery.startswith("second")]
    finally:
        sender.let_go.set()


class Computing:
    """A computation that says which runs it began, and when."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}

    def traced(self, _run_id: str) -> tuple[str, str]:
        return "", ""

    def compute_and_keep(self, run_id: str, _worker: Actor) -> None:
        self.begun[run_id] = time.monotonic()

    def kept(self, _run_id: str) -> None:
        return None


@pytest.mark.hazard("HAZ-11", "HAZ-22")
def test_a_stroke_study_that_comes_while_fifty_deliveries_wait_starts_at_once(rooms) -> None:
    sender, computing = Stalling(), Computing()
    register_delivery(sender)
    register_synthesis(computing, computing, rooms.node.release_service, SERVICE)
    # In a node the queues are in processes of their own: in one process they would be in each other's way the most.
    engine = DbosProcess(rooms.node.database.url, "engine", {DELIVERY: DELIVERY_SLOTS, INFERENCE: Slots(at_once=1)})
    try:
        engine.launch()
        with rooms.node.database.write() as session:
            for number in range(50):
                rooms.node.queue.enqueue_delivery(session, f"run-{number}:dead-pacs", "dead-pacs")
        until(lambda: bool(sender.begun))
        began = time.monotonic()
        with rooms.node.database.write() as session:
            rooms.node.queue.enqueue_run(session, "stroke", 1)
        assert ended(rooms, "run/stroke/1") == "SUCCESS"
        assert computing.begun["stroke"] - began < 10  # the queue is looked at every 2 s; the deliveries stall for 60
        assert len(sender.begun) == 1
    finally:
        sender.let_go.set()
        DBOS.destroy(destroy_registry=True)


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
