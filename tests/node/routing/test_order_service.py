"""A run computed again by a named person: a new number, the same inputs, and what it replaces does not leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from pydicom.uid import CTImageStorage
from sqlalchemy import select, text

from models.errors import PackageError
from models.packages import ModelPackage
from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.deliver.tables import DeliveryRow
from node.errors import Permanent, Refusal, SettingsError
from node.routing.service import OrderService
from node.runs.tables import RunRow
from node.states import RunState
from pipelines.contract import Reason
from pipelines.objects.profiles import PlanningProfile

pytestmark = BOTH_DATABASES

PHYSICIST = Actor.person("m.curie", Role)
WORKER = Actor.service("worker-0")


def runs(rooms: Any) -> dict[int, RunRow]:
    """Return the runs by number."""
    with rooms.node.database.read() as session:
        found = {run.run_number: run for run in session.scalars(select(RunRow))}
        for run in found.values():
            _ = run.inputs, run.objects
        return found


def last_audit(rooms: Any) -> AuditRow:
    with rooms.node.database.read() as session:
        return session.scalars(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1)).one()


@pytest.fixture
def ordered(rooms, mr_study) -> tuple[Any, str]:
    """A study with one queued run."""
    rooms.file(*mr_study())
    rooms.settle()
    return rooms, runs(rooms)[1].run_id


@pytest.fixture
def failed(ordered) -> tuple[Any, str]:
    rooms, run_id = ordered
    rooms.node.release_service.fail(run_id, Reason("run-crashed", {"error": "x"}), WORKER)
    return rooms, run_id


@pytest.mark.hazard("HAZ-11")
def test_a_failed_run_is_computed_again_under_a_new_number(failed) -> None:
    rooms, run_id = failed
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "the driver was mended")
    first, second = runs(rooms)[1], runs(rooms)[2]
    assert (first.state, second.state, second.run_id) == (RunState.FAILED, RunState.QUEUED, again)
    assert [row.sha256 for row in first.inputs] == [row.sha256 for row in second.inputs]
    with rooms.node.database.read() as session:
        jobs = session.execute(text("SELECT workflow_uuid FROM workflow_status")).scalars().all()
    assert f"run/{again}/1" in jobs
    row = last_audit(rooms)
    assert (row.code, row.actor_name, row.outcome) == ("run-repeated", "m.curie", "success")
    assert "the driver was mended" in row.details
    rooms.compute(again)
    assert runs(rooms)[2].state == RunState.HELD


@pytest.mark.hazard("HAZ-09")
def test_a_held_result_that_is_computed_again_is_superseded_and_other_objects_come(ordered) -> None:
    rooms, run_id = ordered
    rooms.compute(run_id)
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "motion, with the mended model")
    rooms.compute(again)
    first, second = runs(rooms)[1], runs(rooms)[2]
    assert (first.state, first.reason_code, first.reason_parameters) == (
        RunState.SUPERSEDED,
        "run-repeated",
        {"by": again},
    )
    assert {item.sop_instance_uid for item in first.objects}.isdisjoint(i.sop_instance_uid for i in second.objects)
    with pytest.raises(Refusal, match="state-transition"):
        rooms.node.release_service.release(run_id, PHYSICIST, "ok")
    with pytest.raises(Refusal, match=f"run-repeated.*{again}"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "once more")


@pytest.mark.hazard("HAZ-11")
def test_a_run_that_was_ordered_without_a_destination_is_ordered_anew_with_one(ordered) -> None:
    rooms, run_id = ordered
    with rooms.node.database.write() as session:
        session.get_one(RunRow, run_id).destinations = []
    rooms.compute(run_id)
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "nobody would get it", ["research"])
    rooms.compute(again)
    rooms.node.release_service.release(again, PHYSICIST, "ok")
    with rooms.node.database.read() as session:
        assert [d.destination for d in session.scalars(select(DeliveryRow))] == ["research"]


@pytest.mark.hazard("HAZ-09")
def test_what_a_person_ordered_outlives_the_next_revision_with_the_same_inputs(ordered, mr_study) -> None:
    rooms, run_id = ordered
    rooms.compute(run_id)
    rooms.node.release_service.reject(run_id, PHYSICIST, "motion")
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "the mask was wrong")
    (other,) = mr_study(1, Modality="CT", SOPClassUID=CTImageStorage, StudyInstanceUID=runs(rooms)[1].study_uid)
    rooms.file(other)
    rooms.settle()
    assert {number: run.state for number, run in runs(rooms).items()} == {1: RunState.REJECTED, 2: RunState.QUEUED}
    assert (runs(rooms)[2].run_id, runs(rooms)[2].revision) == (again, 2)


def order_service(rooms: Any, package: Callable[[str], ModelPackage]) -> OrderService:
    """Return the service of a node whose installed packages are those that `package` returns."""
    parts = rooms.node
    return OrderService(
        parts.database,
        parts.trail,
        parts.queue,
        parts.settings,
        parts.freshness,
        rooms.clock,
        {rooms.pipeline.declaration.name: rooms.pipeline.declaration},
        package,
    )


@pytest.mark.hazard("HAZ-11")
def test_after_a_changed_model_the_run_is_ordered_with_the_one_that_is_installed(failed) -> None:
    rooms, run_id = failed
    updated = replace(rooms.model, sha256="0" * 64)
    order_service(rooms, lambda name: updated).order_again(run_id, PHYSICIST, "the package was updated")
    (earlier,), (model,) = runs(rooms)[1].models.values(), runs(rooms)[2].models.values()
    assert (earlier["sha256"], model["sha256"]) == (rooms.model.sha256, "0" * 64)


@pytest.mark.hazard("HAZ-09")
@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING])
def test_the_same_computation_is_not_ordered_twice_at_a_time(failed, state: RunState) -> None:
    rooms, run_id = failed
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "the driver was mended")
    with rooms.node.database.write() as session:
        session.get_one(RunRow, again).state = state
    with pytest.raises(Refusal, match=f"run-ordered-already.*{again}"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "the driver was mended")
    assert list(runs(rooms)) == [1, 2]


@pytest.mark.hazard("HAZ-11")
def test_a_run_for_other_destinations_is_made_in_their_planning_profile(failed) -> None:
    rooms, run_id = failed
    research, clinic = rooms.node.settings.peers
    asking = clinic.model_copy(update={"deliver": clinic.deliver.model_copy(update={"profile": "tps"})})
    profiles = {"tps": PlanningProfile(kvp="120")}
    rooms.node.settings = rooms.node.settings.model_copy(update={"peers": (research, asking), "profiles": profiles})
    service = order_service(rooms, lambda name: rooms.model)
    with pytest.raises(Refusal, match="destination-other-profile"):
        service.order_again(run_id, PHYSICIST, "for both", ["research", "clinic"])
    again = service.order_again(run_id, PHYSICIST, "the clinic plans on it", ["clinic"])
    made = next(run for run in runs(rooms).values() if run.run_id == again)
    assert (made.profile["kvp"], runs(rooms)[1].profile["kvp"]) == ("120", "")


def test_a_model_that_is_gone_is_named(failed) -> None:
    rooms, run_id = failed

    def missing(name: str) -> Any:
        raise PackageError("package-unknown", name=name)

    service = order_service(rooms, missing)
    with pytest.raises(Permanent, match="model-missing"):
        service.order_again(run_id, PHYSICIST, "try")
    assert (last_audit(rooms).code, last_audit(rooms).outcome) == ("run-repeated", "failure")


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.RUNNING, RunState.RELEASED])
def test_what_is_under_way_is_not_ordered_again(ordered, state: RunState) -> None:
    rooms, run_id = ordered
    with rooms.node.database.write() as session:
        session.get_one(RunRow, run_id).state = state
    with pytest.raises(Refusal, match="run-not-ended"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "quicker")
    assert list(runs(rooms)) == [1]


@pytest.mark.hazard("HAZ-08", "HAZ-19")
def test_what_the_study_does_not_order_any_more_is_not_ordered_again(failed, mr_study) -> None:
    rooms, run_id = failed
    rooms.file(*mr_study(1, StudyInstanceUID=runs(rooms)[1].study_uid))
    with pytest.raises(Refusal, match="study-receiving"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "again")
    rooms.settle()
    with pytest.raises(Refusal, match="run-outdated"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "again")


def test_only_a_named_person_with_a_reason_orders(failed) -> None:
    rooms, run_id = failed
    with pytest.raises(Refusal, match="access-not-a-person"):
        rooms.node.orders.order_again(run_id, Actor.timer("settling"), "because")
    with pytest.raises(Refusal, match="run-needs-reason"):
        rooms.node.orders.order_again(run_id, PHYSICIST, " ")
    with pytest.raises(Refusal, match="run-unknown"):
        rooms.node.orders.order_again("none", PHYSICIST, "because")
    with pytest.raises(SettingsError, match="destination-unknown"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "because", ["gone"])
    assert list(runs(rooms)) == [1]


def test_a_cancelled_run_is_not_computed_and_a_person_can_order_it_again(ordered) -> None:
    rooms, run_id = ordered
    rooms.node.orders.cancel(run_id, PHYSICIST, "the wrong patient was asked for")
    assert runs(rooms)[1].state == RunState.CANCELLED
    row = last_audit(rooms)
    assert (row.code, row.outcome) == ("run-cancelled", "success")
    with pytest.raises(Permanent):
        rooms.compute(run_id)
    assert runs(rooms)[1].state == RunState.CANCELLED
    assert not runs(rooms)[1].objects
    again = rooms.node.orders.order_again(run_id, PHYSICIST, "the right one after all")
    rooms.compute(again)
    assert runs(rooms)[2].state == RunState.HELD


def test_a_held_run_is_not_cancelled_and_that_is_audited(ordered) -> None:
    rooms, run_id = ordered
    rooms.compute(run_id)
    with pytest.raises(Refusal, match="state-transition"):
        rooms.node.orders.cancel(run_id, PHYSICIST, "too late")
    assert runs(rooms)[1].state == RunState.HELD
    assert (last_audit(rooms).code, last_audit(rooms).outcome) == ("run-cancelled", "failure")


def test_a_role_that_the_run_has_not_is_refused(failed) -> None:
    rooms, run_id = failed
    with pytest.raises(Refusal, match="model-role-unknown"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "try another", models={"painter": "head-mr-to-ct"})
    with pytest.raises(Permanent, match="model-missing"):
        rooms.node.orders.order_again(run_id, PHYSICIST, "try another", models={"generator": "no-such-package"})
