"""Automatic release: only what a rule asks for, every check passed, and a named person approved by its hash."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, update

from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.database import change_state
from node.deliver.tables import DeliveryRow
from node.errors import Permanent, Refusal
from node.release.tables import ModelApprovalRow
from node.runs.tables import RunRow
from node.states import RunState
from pipelines.contract import Check, Reason, Verdict

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
PASS = Check("air", Verdict.PASS, Reason("air-as-card", {}))
REVIEW = Check("patient-age", Verdict.REVIEW, Reason("age-below-card", {"found": 3, "accepted": 18}))
MODEL = "head-mr-to-ct"


def ordered(rooms: Any, mr_study: Any, *checks: Check, policy: str = "automatic") -> str:
    """Bring a study to a run of a rule of that policy, queued."""
    rooms.pipeline.checks = checks or (PASS,)
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.write() as session:
        session.execute(update(RunRow).values(release_policy=policy))
        return session.scalars(select(RunRow.run_id).where(RunRow.state == RunState.QUEUED)).one()


def run(rooms: Any, run_id: str) -> RunRow:
    with rooms.node.database.read() as session:
        return session.get_one(RunRow, run_id)


def approve(rooms: Any) -> str:
    return rooms.node.model_approvals.approve(MODEL, PHYSICIST, "commissioned on 40 patients")


@pytest.mark.hazard("HAZ-10", "HAZ-16")
def test_it_goes_by_itself_where_all_is_given_and_a_reference_model_to_research_alone(rooms, mr_study) -> None:
    approve(rooms)
    run_id = ordered(rooms, mr_study)
    rooms.compute(run_id)
    assert (run(rooms, run_id).state, run(rooms, run_id).released_by) == (RunState.RELEASED, "release")
    with rooms.node.database.read() as session:
        assert [row.destination for row in session.scalars(select(DeliveryRow))] == ["research"]
        last = session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()
    assert (last.code, last.actor_kind, json.loads(last.details)["withheld"]) == ("run-released", "service", ["clinic"])


@pytest.mark.hazard("HAZ-10")
@pytest.mark.parametrize(
    ("checks", "code"),
    [((PASS, REVIEW), "automatic-checks"), ((replace(REVIEW, verdict=Verdict.REJECT),), "automatic-checks")],
)
def test_what_did_not_pass_every_check_waits_for_a_person(rooms, mr_study, checks: Any, code: str) -> None:
    approve(rooms)
    run_id = ordered(rooms, mr_study, *checks)
    rooms.compute(run_id)
    assert (run(rooms, run_id).state, run(rooms, run_id).reason_code) == (RunState.HELD, code)
    rooms.node.release_service.release(run_id, PHYSICIST, "looked at")
    assert (run(rooms, run_id).state, run(rooms, run_id).reason_code) == (RunState.RELEASED, None)


@pytest.mark.hazard("HAZ-10")
def test_without_an_approval_in_force_it_waits(rooms, mr_study) -> None:
    run_id = ordered(rooms, mr_study)
    rooms.compute(run_id)
    assert (run(rooms, run_id).state, run(rooms, run_id).reason_code) == (RunState.HELD, "automatic-model")
    approve(rooms)
    rooms.node.model_approvals.withdraw(MODEL, PHYSICIST, "the scanner is new")
    second = ordered(rooms, mr_study)
    rooms.compute(second)
    assert (run(rooms, second).state, run(rooms, second).reason_code) == (RunState.HELD, "automatic-model")


@pytest.mark.hazard("HAZ-10", "HAZ-23")
def test_a_package_of_other_content_is_not_approved(rooms, mr_study) -> None:
    approve(rooms)
    with rooms.node.database.write() as session:
        session.execute(update(ModelApprovalRow).values(sha256="ab" * 32))
    run_id = ordered(rooms, mr_study)
    rooms.compute(run_id)
    assert run(rooms, run_id).state == RunState.HELD


@pytest.mark.hazard("HAZ-10")
def test_a_rule_that_holds_holds(rooms, mr_study) -> None:
    approve(rooms)
    run_id = ordered(rooms, mr_study, policy="hold")
    rooms.compute(run_id)
    assert (run(rooms, run_id).state, run(rooms, run_id).reason_code) == (RunState.HELD, None)


@pytest.mark.hazard("HAZ-08", "HAZ-10")
def test_what_is_outdated_by_then_waits(rooms, mr_study) -> None:
    approve(rooms)
    images = mr_study()
    run_id = ordered(rooms, lambda: images)
    (late,) = mr_study(slices=1)
    late.StudyInstanceUID = images[0].StudyInstanceUID
    rooms.file(late)
    rooms.compute(run_id)
    assert (run(rooms, run_id).state, run(rooms, run_id).reason_code) == (RunState.HELD, "study-receiving")
    with rooms.node.database.read() as session:
        assert list(session.scalars(select(DeliveryRow))) == []


@pytest.mark.hazard("HAZ-10", "HAZ-26")
def test_what_takes_the_place_of_a_result_that_was_sent_waits(rooms, mr_study) -> None:
    approve(rooms)
    images = mr_study()
    first = ordered(rooms, lambda: images)
    rooms.compute(first)
    with rooms.node.database.write() as session:
        delivery = session.scalars(select(DeliveryRow)).one()
        delivery.items[0].status = 0
        change_state(session, session.get_one(RunRow, first), RunState.DELIVERED)
    late = images[0]
    late.SOPInstanceUID = late.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.97"
    second = ordered(rooms, lambda: [late])
    rooms.compute(second)
    assert (run(rooms, second).state, run(rooms, second).reason_code) == (RunState.HELD, "automatic-replaces")


def test_an_approval_names_one_package_once(rooms) -> None:
    sha256 = approve(rooms)
    assert sha256 == rooms.model.sha256
    with pytest.raises(Refusal, match="approval-doubled"):
        approve(rooms)
    with pytest.raises(Refusal, match="approval-needs-reason"):
        rooms.node.model_approvals.withdraw(MODEL, PHYSICIST, " ")
    with pytest.raises(Permanent, match="model-missing"):
        rooms.node.model_approvals.approve("no-such-model", PHYSICIST, "why")
    rooms.node.model_approvals.withdraw(MODEL, PHYSICIST, "the scanner is new")
    with pytest.raises(Refusal, match="approval-none"):
        rooms.node.model_approvals.withdraw(MODEL, PHYSICIST, "again")


def test_a_rule_file_asks_for_it_by_its_key(rooms, mr_study) -> None:
    text = rooms.rules.replace("    destinations: all\n", "    destinations: all\n    release: automatic\n")
    rooms.activate_rules(text)
    rooms.file(*mr_study())
    rooms.settle()
    with rooms.node.database.read() as session:
        assert session.scalars(select(RunRow.release_policy)).one() == "automatic"
