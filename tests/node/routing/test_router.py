"""From a settled study to runs: quiet first, decided once, inputs frozen, and nothing run on half a study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from postgresql import BOTH_DATABASES
from pydicom import Dataset, dcmread
from pydicom.uid import CTImageStorage
from sqlalchemy import select, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from node.actor import Actor, Role
from node.archive.tables import StudyRow
from node.audit.tables import AuditRow
from node.audit.verify import verify
from node.composition import Node
from node.reasons import text as sentence
from node.rules import decide
from node.runs.tables import DecisionRow, RunRow
from node.settings import load_settings
from node.states import RunState, StudyState
from node.status import report
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES


def runs(rooms) -> list[RunRow]:
    with rooms.node.database.read() as session:
        found = session.scalars(select(RunRow).order_by(RunRow.queued_at)).all()
        for run in found:
            _ = run.inputs
        return list(found)


def study(rooms):
    with rooms.node.database.read() as session:
        return report(session, rooms.node.results, rooms.node.layout.run).studies[0]


@pytest.mark.hazard("HAZ-08")
def test_a_study_settles_only_when_it_is_quiet(rooms, mr_study: Callable[..., list[Dataset]]) -> None:
    first, second, third = mr_study(3)
    rooms.file(first, second)
    rooms.clock.advance(29)
    assert rooms.node.router.settle_due() == 0
    rooms.file(third)
    rooms.clock.advance(29)
    assert rooms.node.router.settle_due() == 0
    rooms.clock.advance(2)
    assert rooms.node.router.settle_due() == 1
    (run,) = runs(rooms)
    assert run.state == RunState.QUEUED
    assert sorted(row.sop_instance_uid for row in run.inputs) == sorted(
        str(one.SOPInstanceUID) for one in (first, second, third)
    )


@pytest.mark.hazard("HAZ-11")
def test_a_study_settles_though_the_clock_was_set_back(rooms, mr_study) -> None:
    first, *rest = mr_study(3)
    rooms.file(first)
    rooms.clock.advance(-365 * 24 * 3600)
    assert rooms.node.router.settle_due() == 1
    rooms.file(*rest)
    assert rooms.node.router.settle_due() == 0
    rooms.clock.advance(31)
    assert rooms.node.router.settle_due() == 1
    assert [len(run.inputs) for run in runs(rooms)] == [1, 3]


def test_the_job_stands_in_the_engines_queue_with_the_decision(rooms, mr_study, walk) -> None:
    rooms.file(*mr_study())
    router = rooms.node.router
    rooms.clock.advance(31)
    with walk("one study decided"):
        router.settle_due()
    (run,) = runs(rooms)
    with rooms.node.database.read() as session:
        jobs = session.execute(text("SELECT workflow_uuid FROM workflow_status")).scalars().all()
        decision = session.scalars(select(DecisionRow)).one()
    assert jobs == [f"run/{run.run_id}/1"]
    assert decision.ruleset_version == hashlib.sha256(rooms.rules.encode()).hexdigest()
    assert decision.explanation["fired"] == ["every-mr"]
    assert verify(rooms.node.database, rooms.node.anchor).valid


@pytest.mark.hazard("HAZ-11")
def test_a_study_whose_routing_fails_ends_by_name_and_others_go_on(rooms, mr_study, monkeypatch) -> None:
    broken = mr_study(3)
    rooms.file(*broken)
    rooms.clock.advance(1)
    rooms.file(*mr_study(3))
    uid = broken[0].StudyInstanceUID

    def decide_or_fail(ruleset, facts):
        if facts.study_uid == uid:
            raise ValueError("a value that nobody thought of")
        return decide(ruleset, facts)

    with monkeypatch.context() as patched:
        patched.setattr("node.routing.router.decide", decide_or_fail)
        assert rooms.settle() == 2
    assert [run.study_uid for run in runs(rooms)] != [uid]
    with rooms.node.database.read() as session:
        failed = session.get_one(StudyRow, uid)
    reason = Reason(failed.reason_code, failed.reason_parameters)
    assert (failed.state, reason) == (StudyState.UNROUTED, Reason("routing-failed", {"error": "ValueError"}))
    assert "ValueError" in sentence(reason)
    assert verify(rooms.node.database, rooms.node.anchor).valid
    rooms.file(*broken)  # the same images again, after an update
    assert rooms.settle() == 1
    assert {run.study_uid for run in runs(rooms)} >= {uid}


@pytest.mark.parametrize("kind", [OperationalError, InternalError, InterfaceError])
def test_a_database_that_cannot_be_written_is_no_fault_of_a_study(rooms, mr_study, monkeypatch, kind) -> None:
    rooms.file(*mr_study(3))
    with monkeypatch.context() as patched:
        patched.setattr(rooms.node.router, "_route", Mock(side_effect=kind("", {}, Exception("locked"))))
        with pytest.raises(kind):
            rooms.settle()
    assert study(rooms).state == StudyState.RECEIVING
    assert rooms.settle() == 1
    assert study(rooms).state == StudyState.ROUTED


@pytest.mark.hazard("HAZ-09")
def test_the_same_study_again_orders_nothing(rooms, mr_study) -> None:
    images = mr_study()
    rooms.file(*images)
    rooms.settle()
    rooms.file(*images)
    assert rooms.settle() == 0
    assert len(runs(rooms)) == 1


@pytest.mark.hazard("HAZ-08", "HAZ-19")
def test_a_late_image_replaces_what_was_not_sent(rooms, mr_study) -> None:
    *images, late = mr_study(4)
    rooms.file(*images)
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    rooms.file(late)
    rooms.settle()
    old, new = runs(rooms)
    assert (old.state, new.state) == (RunState.SUPERSEDED, RunState.QUEUED)
    assert (old.reason_code, len(new.inputs), new.revision) == ("run-superseded", 4, 2)


@pytest.mark.hazard("HAZ-11")
def test_a_study_that_no_rule_takes_says_why(rooms, mr_study) -> None:
    rooms.file(*mr_study(2, Modality="CT", SOPClassUID=CTImageStorage))
    rooms.settle()
    assert runs(rooms) == []
    assert study(rooms).state == StudyState.UNROUTED
    assert 'Modality == "MR"' in study(rooms).reason
    assert "'CT'" in study(rooms).reason


@pytest.mark.hazard("HAZ-18", "HAZ-08")
def test_a_study_with_a_conflicting_instance_is_not_run(rooms, mr_study) -> None:
    images = mr_study(3)
    rooms.file(*images)
    images[1].WindowCenter = 40
    rooms.file(images[1])
    rooms.settle()
    assert runs(rooms) == []
    assert study(rooms).state == StudyState.UNROUTED
    assert "conflicting-instance" in study(rooms).reason
    assert [entry.sop_instance_uid for entry in study(rooms).quarantined] == [str(images[1].SOPInstanceUID)]


@pytest.mark.hazard("HAZ-11")
def test_studies_wait_by_name_while_the_rules_cannot_be_used(rooms, mr_study, monkeypatch) -> None:
    known = rooms.node.known_to_rules()
    monkeypatch.setattr(rooms.node.active_rules, "_known", lambda: replace(known, pipelines={}))
    rooms.file(*mr_study())
    assert rooms.settle() == 0
    assert study(rooms).state == StudyState.RECEIVING
    assert "unknown pipeline synthetic-ct-head" in study(rooms).reason
    assert "version 1" in study(rooms).reason.lower()
    monkeypatch.setattr(rooms.node.active_rules, "_known", lambda: known)
    assert rooms.settle() == 1
    assert (study(rooms).state, study(rooms).reason) == (StudyState.ROUTED, "")


@pytest.mark.hazard("HAZ-25")
def test_a_version_that_is_activated_decides_without_a_restart(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    rooms.activate_rules(rooms.rules.replace("every-mr", "other"))
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        decisions = session.scalars(select(DecisionRow).order_by(DecisionRow.id)).all()
    assert [run.rule for run in runs(rooms)] == ["every-mr", "other"]
    assert [decision.ruleset_number for decision in decisions] == [1, 2]
    assert decisions[0].ruleset_version != decisions[1].ruleset_version


@pytest.mark.hazard("HAZ-25")
def test_rules_that_are_activated_while_a_study_is_decided_decide_it(rooms, mr_study, monkeypatch) -> None:
    read = rooms.node.active_rules.read

    def read_then_another_is_activated():
        rules = read()
        if rules.number == 1:
            rooms.activate_rules(rooms.rules.replace("every-mr", "other"))
        return rules

    monkeypatch.setattr(rooms.node.active_rules, "read", read_then_another_is_activated)
    rooms.file(*mr_study())
    rooms.settle()
    assert runs(rooms) == []
    rooms.settle()
    assert [run.rule for run in runs(rooms)] == ["other"]


@pytest.mark.hazard("HAZ-08")
def test_what_the_present_revision_does_not_order_cannot_be_released_any_more(rooms, mr_study) -> None:
    images = mr_study(5)
    rooms.file(*images[:3])
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    images[1].WindowCenter = 40
    rooms.file(images[1], images[3])
    rooms.settle()
    (run,) = runs(rooms)
    assert (study(rooms).state, run.state, run.reason_code) == ("unrouted", RunState.SUPERSEDED, "run-outdated")
    assert verify(rooms.node.database, rooms.node.anchor).valid


@pytest.mark.hazard("HAZ-08")
@pytest.mark.parametrize("state", [RunState.HELD, RunState.RELEASED])
def test_a_revision_that_no_rule_takes_ends_what_was_ordered_before(rooms, mr_study, tmp_path, state: RunState) -> None:
    *images, late = mr_study(4)
    rooms.file(*images)
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    if state == RunState.RELEASED:
        rooms.node.release_service.release(runs(rooms)[0].run_id, Actor.person("m.curie", Role), "ok")
    rooms.activate_rules(rooms.rules.replace('Modality == "MR"', "instance_count > 500"))
    rooms.file(late)
    rooms.settle()
    (run,) = runs(rooms)
    assert (study(rooms).state, run.state, run.reason_code) == ("unrouted", RunState.SUPERSEDED, "run-outdated")


@pytest.mark.hazard("HAZ-11")
def test_a_new_revision_orders_again_what_came_to_nothing(rooms, mr_study) -> None:
    images = mr_study(3)
    rooms.file(*images)
    rooms.settle()
    rooms.node.release_service.fail(
        runs(rooms)[0].run_id, Reason("run-crashed", {"error": "x"}), Actor.service("worker-0")
    )
    (other,) = mr_study(1, Modality="CT", SOPClassUID=CTImageStorage, StudyInstanceUID=images[0].StudyInstanceUID)
    rooms.file(other)
    rooms.settle()
    first, second = runs(rooms)
    assert (first.state, second.state) == (RunState.FAILED, RunState.QUEUED)
    assert (first.run_number, second.run_number) == (1, 2)
    assert [row.sha256 for row in first.inputs] == [row.sha256 for row in second.inputs]


@pytest.mark.hazard("HAZ-13")
def test_an_own_object_that_a_peer_altered_keeps_no_later_revision_from_its_run(rooms, mr_study) -> None:
    *images, late = mr_study(4)
    rooms.file(*images)
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    with rooms.node.database.read() as session:
        made = session.get_one(RunRow, runs(rooms)[0].run_id).objects[0]
    returned = dcmread(rooms.node.files.path(made.location))
    returned.PatientID = "COERCED"
    rooms.file(returned)
    rooms.file(late)
    rooms.settle()
    assert study(rooms).state == StudyState.ROUTED
    assert [run.state for run in runs(rooms)] == [RunState.SUPERSEDED, RunState.QUEUED]
    assert [entry.code for entry in study(rooms).quarantined] == ["conflicting-instance"]


@pytest.mark.hazard("HAZ-09")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("research: true}", "research: true, profile: tps}"),
        ("kvp: '80'", "kvp: '120'"),
    ],
)
def test_a_changed_profile_orders_another_run(tmp_path: Path, rooms, mr_study, old: str, new: str) -> None:
    """The result that was kept for another planning system would carry that system's equipment."""
    rooms.file(*mr_study(3))
    rooms.settle()
    settings = tmp_path / "node.yaml"
    rooms.activate_rules(rooms.rules.replace("destinations: all", "destinations: research"))
    profiles = "profiles: {tps: {kvp: '80'}}\n"
    named = settings.read_text().replace("research: true}", "research: true, profile: tps}")
    before = settings.read_text() if "profile" in new else named
    runs_of = []
    for content in (profiles + before, (profiles + before).replace(old, new)):
        settings.write_text(content)
        node = Node(load_settings(settings), rooms.clock, rooms.node.database)
        with node.trail.recording() as recording:
            row = recording.session.scalars(select(StudyRow)).one()
            row.state, row.revision, row.last_instance_at = StudyState.RECEIVING, row.revision + 1, rooms.clock.now()
        rooms.clock.advance(31)
        assert node.router.settle_due() == 1
        runs_of.append({run.run_id for run in runs(rooms) if run.state == RunState.QUEUED})
        node.queue.close()
        node.database.close()
    assert not runs_of[0] & runs_of[1]


def settle_with_destinations(rooms, destinations: str) -> None:
    """Settle a further revision of the study, with the same inputs, on rules for other destinations."""
    rooms.activate_rules(rooms.rules.replace("destinations: all", f"destinations: {destinations}"))
    with rooms.node.trail.recording() as recording:
        row = recording.session.scalars(select(StudyRow)).one()
        row.state, row.revision, row.last_instance_at = StudyState.RECEIVING, row.revision + 1, rooms.clock.now()
    rooms.clock.advance(31)
    assert rooms.node.router.settle_due() == 1


def directed(rooms) -> list[tuple[str, dict[str, Any]]]:
    """Return what the audit says of changed destinations."""
    with rooms.node.database.read() as session:
        rows = session.scalars(select(AuditRow).filter_by(code="run-directed").order_by(AuditRow.sequence))
        return [(row.outcome, json.loads(row.details)) for row in rows]


@pytest.mark.hazard("HAZ-16")
def test_a_held_result_goes_only_where_the_present_revision_sends_it(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    assert runs(rooms)[0].destinations == ["research", "clinic"]
    settle_with_destinations(rooms, "[research]")
    (run,) = runs(rooms)
    assert (run.state, run.destinations, run.revision) == (RunState.HELD, ["research"], 2)
    assert directed(rooms) == [("success", {"run": run.run_id, "state": "held", "destinations": ["research"]})]


@pytest.mark.hazard("HAZ-11")
def test_destinations_that_a_person_named_stay(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    physicist, first = Actor.person("m.curie", Role), runs(rooms)[0].run_id
    rooms.compute(first)
    rooms.node.release_service.reject(first, physicist, "motion")
    again = rooms.node.orders.order_again(first, physicist, "for the clinic", ["clinic"])
    settle_with_destinations(rooms, "[research]")
    assert {run.run_id: run.destinations for run in runs(rooms)}[again] == ["clinic"]


@pytest.mark.hazard("HAZ-11")
def test_a_destination_that_comes_after_the_release_is_told_and_not_added(rooms, mr_study) -> None:
    rooms.file(*mr_study())
    rooms.settle()
    rooms.compute(runs(rooms)[0].run_id)
    with rooms.node.database.write() as session:
        session.get_one(RunRow, runs(rooms)[0].run_id).destinations = ["research"]
    rooms.node.release_service.release(runs(rooms)[0].run_id, Actor.person("m.curie", Role), "ok")
    settle_with_destinations(rooms, "[research, clinic]")
    (run,) = runs(rooms)
    assert (run.state, run.destinations, study(rooms).state) == (RunState.RELEASED, ["research"], StudyState.ROUTED)
    assert "to clinic as well" in study(rooms).reason
    assert directed(rooms) == [("failure", {"run": run.run_id, "state": "released", "destinations": ["clinic"]})]
