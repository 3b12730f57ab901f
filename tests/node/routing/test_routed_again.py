"""A study decided again: by a person, and at the next start what failed by a fault of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom.uid import generate_uid
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from node.actor import Actor, Role
from node.archive.tables import StudyRow
from node.audit.tables import AuditRow
from node.errors import Refusal
from node.reasons import text
from node.rules import decide
from node.runs.tables import RunRow
from node.states import RunState, StudyState
from pipelines.contract import Reason

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", [Role.PHYSICIST])
ENGINE = Actor.service("engine")


def runs(rooms: Any) -> list[tuple[str, str]]:
    with rooms.node.database.read() as session:
        return [
            (run.rule, run.state) for run in session.scalars(select(RunRow).order_by(RunRow.queued_at, RunRow.rule))
        ]


def study(rooms: Any, uid: str) -> StudyRow:
    with rooms.node.database.read() as session:
        return session.get_one(StudyRow, uid)


def failing(uid: str, error: Exception) -> Callable[..., Any]:
    """Return a decision that fails for one study."""

    def decide_or_fail(ruleset: Any, facts: Any) -> Any:
        if facts.study_uid == uid:
            raise error
        return decide(ruleset, facts)

    return decide_or_fail


@pytest.mark.hazard("HAZ-11")
def test_a_routing_that_failed_keeps_what_is_held_and_is_tried_again_at_the_next_start(
    rooms, mr_study, monkeypatch
) -> None:
    *images, late = mr_study(4)
    uid = images[0].StudyInstanceUID
    rooms.file(*images)
    rooms.settle()
    with rooms.node.database.read() as session:
        first = session.scalars(select(RunRow.run_id)).one()
    rooms.compute(first)
    rooms.file(late)
    with monkeypatch.context() as patched:
        patched.setattr("node.routing.router.decide", failing(uid, ValueError("a defect")))
        rooms.settle()
    assert (study(rooms, uid).state, study(rooms, uid).reason_code) == (StudyState.UNROUTED, "routing-failed")
    assert runs(rooms) == [("every-mr", RunState.HELD)]
    with pytest.raises(Refusal, match="run-outdated"):
        rooms.node.release_service.release(first, PHYSICIST, "it looks right")
    assert rooms.node.routing.retry_failed(ENGINE) == 1
    assert rooms.settle() == 1
    assert (study(rooms, uid).state, study(rooms, uid).revision) == (StudyState.ROUTED, 2)
    assert runs(rooms) == [("every-mr", RunState.SUPERSEDED), ("every-mr", RunState.QUEUED)]
    assert rooms.node.routing.retry_failed(ENGINE) == 0


@pytest.mark.hazard("HAZ-11")
def test_trouble_of_the_database_with_one_study_keeps_no_other_from_settling(rooms, mr_study, monkeypatch) -> None:
    broken, whole = mr_study(2), mr_study(2)
    uid = broken[0].StudyInstanceUID
    rooms.file(*broken)
    rooms.clock.advance(1)
    rooms.file(*whole)
    trouble = OperationalError("", {}, Exception("too many terms"))
    monkeypatch.setattr("node.routing.router.decide", failing(uid, trouble))
    with pytest.raises(OperationalError):
        rooms.settle()
    assert study(rooms, whole[0].StudyInstanceUID).state == StudyState.ROUTED
    assert study(rooms, uid).state == StudyState.RECEIVING
    rooms.clock.advance(120)
    assert rooms.node.router.settle_due() == 1
    assert (study(rooms, uid).state, study(rooms, uid).reason_code) == (StudyState.UNROUTED, "routing-failed")


def test_a_person_has_other_rules_decide_a_study_that_none_took(rooms, mr_study) -> None:
    rooms.activate_rules(rooms.rules.replace("'Modality", "'EchoTime > 500', 'Modality"))
    images = mr_study(3)
    uid = images[0].StudyInstanceUID
    rooms.file(*images)
    rooms.settle()
    assert study(rooms, uid).state == StudyState.UNROUTED
    rooms.activate_rules(rooms.rules + "# as before\n")
    assert rooms.node.routing.route_again(uid, PHYSICIST, "the echo time was a mistake") == 2
    with pytest.raises(Refusal, match="study-waits-already"):
        rooms.node.routing.route_again(uid, PHYSICIST, "again")
    rooms.settle()
    assert study(rooms, uid).state == StudyState.ROUTED
    assert runs(rooms) == [("every-mr", RunState.QUEUED)]


def test_a_study_that_is_decided_again_alike_keeps_its_result(rooms, mr_study) -> None:
    images = mr_study(3)
    rooms.file(*images)
    rooms.settle()
    rooms.node.routing.route_again(images[0].StudyInstanceUID, PHYSICIST, "to be sure")
    rooms.settle()
    assert runs(rooms) == [("every-mr", RunState.QUEUED)]


def test_nothing_is_decided_again_without_a_reason_or_a_study(rooms, mr_study) -> None:
    images = mr_study(1)
    rooms.file(*images)
    rooms.settle()
    for uid, reason, code in (
        (images[0].StudyInstanceUID, " ", "routing-needs-reason"),
        ("1.2.3", "why", "study-unknown"),
    ):
        with pytest.raises(Refusal, match=code):
            rooms.node.routing.route_again(uid, PHYSICIST, reason)


@pytest.mark.hazard("HAZ-09")
def test_two_rules_for_one_task_have_both_results_held_and_are_named(rooms, mr_study) -> None:
    rule = rooms.rules[rooms.rules.index("  - name") :]
    first = rule.replace("'Modality", "'SeriesNumber == 1', 'Modality")
    second = rule.replace("'Modality", "'SeriesNumber == 2', 'Modality").replace("every-mr", "second")
    rooms.activate_rules(f"schema: 1\nrules:\n{first}{second}")
    images = mr_study(2, SeriesNumber=1)
    uid = images[0].StudyInstanceUID
    rooms.file(*images, *mr_study(2, SeriesNumber=2, StudyInstanceUID=uid, SeriesInstanceUID=generate_uid()))
    rooms.settle()
    with rooms.node.database.read() as session:
        run_ids = session.scalars(select(RunRow.run_id)).all()
    for run_id in run_ids:
        rooms.compute(run_id)
    assert runs(rooms) == [("every-mr", RunState.HELD), ("second", RunState.HELD)]
    found = study(rooms, uid)
    said = text(Reason(found.reason_code, found.reason_parameters))
    assert (found.state, found.reason_code) == (StudyState.ROUTED, "study-rules-conflict")
    assert "every-mr and second" in said
    with rooms.node.database.read() as session:
        row = session.scalars(select(AuditRow).filter_by(code="study-routed")).one()
    assert json.loads(row.details)["conflicts"] == ["every-mr and second"]
