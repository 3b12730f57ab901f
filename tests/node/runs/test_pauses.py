"""Runs that may not start wait by name, lose nothing, and start when they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, text

from node.actor import Actor, Role
from node.archive.tables import SeriesRow
from node.composition import Node
from node.errors import Refusal
from node.runs.pauses import running
from node.runs.tables import RunRow
from node.settings import StartSection
from node.states import RunState
from node.workflows.waiting import WaitingRuns
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
WORKER = Actor.service("worker-0")


@pytest.fixture
def queued(rooms, mr_study) -> tuple[Any, str]:
    rooms.file(*mr_study())
    rooms.settle()
    return rooms, run(rooms).run_id


def run(rooms: Any) -> RunRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(RunRow)).one()


def jobs(rooms: Any) -> set[str]:
    with rooms.node.database.read() as session:
        return set(session.execute(text("SELECT workflow_uuid FROM workflow_status")).scalars())


def start(rooms: Any, run_id: str) -> RunRow:
    """Do what a worker does with a job of the run, and return the run."""
    rooms.computation().compute_and_keep(run_id, WORKER)
    return run(rooms)


def series_of(rooms: Any) -> str:
    with rooms.node.database.read() as session:
        return session.scalars(select(SeriesRow.series_uid)).one()


def requeue(rooms: Any) -> int:
    return WaitingRuns(rooms.node.database, rooms.node.queue, rooms.node.admission).requeue()


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize("pipeline", ["", "synthetic-ct-head"])
def test_a_paused_run_waits_by_name_and_starts_after_the_pause(queued, pipeline: str) -> None:
    rooms, run_id = queued
    rooms.node.pauses.pause(PHYSICIST, "the card is exchanged", pipeline)
    waiting = start(rooms, run_id)
    assert (waiting.state, waiting.reason_code, waiting.started_at) == (RunState.WAITING, "run-paused", None)
    assert waiting.reason_parameters["reason"] == "the card is exchanged"
    assert rooms.pipeline.runs == 0
    assert start(rooms, run_id).state == RunState.WAITING, "the engine may do a job twice"
    assert requeue(rooms) == 0
    rooms.node.pauses.resume(PHYSICIST, pipeline)
    assert requeue(rooms) == 1
    assert requeue(rooms) == 0, "once"
    again = run(rooms)
    assert (again.state, again.reason_code, again.attempts, again.postponed) == (RunState.QUEUED, None, 2, 0)
    assert f"run/{run_id}/2" in jobs(rooms)
    rooms.compute(run_id)
    assert run(rooms).state == RunState.HELD


def test_a_pause_of_one_pipeline_holds_up_no_other(queued) -> None:
    rooms, run_id = queued
    rooms.node.pauses.pause(PHYSICIST, "its model is looked at", "synthetic-ct-limb")
    assert start(rooms, run_id).state == RunState.RUNNING


def test_what_runs_goes_on_in_a_pause(queued) -> None:
    rooms, run_id = queued
    rooms.computation()._begin(run_id, WORKER)
    rooms.node.pauses.pause(PHYSICIST, "shutdown")
    with rooms.node.database.read() as session:
        assert (running(session), running(session, "synthetic-ct-limb")) == (1, 0)
    rooms.compute(run_id)
    assert run(rooms).state == RunState.HELD
    with rooms.node.database.read() as session:
        assert running(session) == 0


def test_a_pause_outlives_the_process_that_made_it(queued) -> None:
    rooms, _ = queued
    rooms.node.pauses.pause(PHYSICIST, "shutdown")
    later = Node(rooms.node.settings, rooms.clock, rooms.node.database)
    with later.database.read() as session:
        assert later.admission.reason_against(session, run(rooms)) == Reason(
            "run-paused", {"what": "the node", "by": "m.curie", "reason": "shutdown"}
        )


@pytest.mark.parametrize("end", ["cancel", "revision"])
def test_a_waiting_run_can_end(queued, mr_study: Callable[..., Any], end: str) -> None:
    rooms, run_id = queued
    rooms.node.pauses.pause(PHYSICIST, "shutdown")
    waiting = start(rooms, run_id)
    if end == "cancel":
        rooms.node.orders.cancel(run_id, PHYSICIST, "not needed")
    else:
        (late,) = mr_study(1)
        late.StudyInstanceUID, late.SeriesInstanceUID = waiting.study_uid, series_of(rooms)
        rooms.file(late)
        rooms.settle()
    rooms.node.pauses.resume(PHYSICIST)
    requeue(rooms)
    with rooms.node.database.read() as session:
        ended = session.get_one(RunRow, run_id)
        assert ended.reason_code in {"run-cancelled", "run-superseded"}
    assert ended.state == {"cancel": RunState.CANCELLED, "revision": RunState.SUPERSEDED}[end]


def test_acts_that_make_no_sense_are_refused(rooms) -> None:
    pauses = rooms.node.pauses
    with pytest.raises(Refusal, match="not-paused"):
        pauses.resume(PHYSICIST)
    with pytest.raises(Refusal, match="pause-needs-reason"):
        pauses.pause(PHYSICIST, "  ")
    with pytest.raises(Refusal, match="pause-pipeline-unknown"):
        pauses.pause(PHYSICIST, "x", "synthetic-ct-knee")
    pauses.pause(PHYSICIST, "x")
    with pytest.raises(Refusal, match="paused-already"):
        pauses.pause(PHYSICIST, "y")


def test_of_two_who_pause_at_once_one_is_told(rooms) -> None:
    ends = rooms.at_once(*[lambda node: node.pauses.pause(PHYSICIST, "shutdown")] * 2)
    assert sorted(ends) == ["", "paused-already"]


@pytest.mark.hazard("HAZ-11")
def test_a_class_waits_for_its_hours_and_then_for_a_pause(queued) -> None:
    rooms, run_id = queued  # it is noon in UTC
    rooms.node.admission._start = StartSection(hours={"URGENT": "20:00-06:00"}, time_zone="Europe/Berlin")
    waiting = start(rooms, run_id)
    assert (waiting.state, waiting.reason_code) == (RunState.WAITING, "run-outside-hours")
    assert waiting.reason_parameters["begin"] == "2026-03-01 20:00 CET"
    rooms.clock.advance(timedelta(hours=6, minutes=50).total_seconds())
    assert requeue(rooms) == 0
    rooms.node.pauses.pause(PHYSICIST, "shutdown")
    rooms.clock.advance(timedelta(minutes=15).total_seconds())
    assert requeue(rooms) == 0
    assert run(rooms).reason_code == "run-paused"
    rooms.node.pauses.resume(PHYSICIST)
    assert requeue(rooms) == 1


@pytest.mark.hazard("HAZ-11")
def test_what_is_stat_waits_for_no_hours(queued) -> None:
    rooms, run_id = queued
    rooms.node.admission._start = StartSection(hours={"URGENT": "20:00-06:00", "ROUTINE": "20:00-06:00"})
    with rooms.node.database.write() as session:
        session.get_one(RunRow, run_id).priority = "STAT"
    assert start(rooms, run_id).state == RunState.RUNNING
