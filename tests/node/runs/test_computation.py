"""Computed once, kept, then only sent: attempts that die or come twice change nothing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from time import sleep

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from models.errors import DeviceError, ModelsError, PackageError, PackageTampered
from models.packages import ModelPackage
from node.actor import Actor
from node.audit import AuditCode
from node.audit.tables import AuditRow
from node.composition import Node
from node.database import change_state
from node.errors import Permanent, Refusal, Transient
from node.runs.tables import RunRow
from node.states import RunState
from pipelines.contract import Pipeline, Reason

pytestmark = BOTH_DATABASES

WORKER = Actor.service("worker-0")


def only_run(rooms) -> RunRow:
    with rooms.node.database.read() as session:
        run = session.scalars(select(RunRow)).one()
        _ = run.objects
        return run


def raising(why: ModelsError) -> Callable[..., ModelPackage]:
    def raise_it(*_: object) -> ModelPackage:
        raise why

    return raise_it


@pytest.fixture
def run_id(rooms, mr_study) -> str:
    rooms.file(*mr_study())
    rooms.settle()
    return only_run(rooms).run_id


def test_what_puts_a_run_off_does_not_touch_one_that_was_superseded_meanwhile(rooms, run_id: str) -> None:
    with rooms.node.database.write() as session:
        session.get_one(RunRow, run_id).state = RunState.RUNNING

    def supersede(node: Node) -> None:
        with node.database.write() as session:
            run = session.get_one(RunRow, run_id)
            change_state(session, run, RunState.SUPERSEDED)
            run.reason_code, run.reason_parameters = "run-superseded", {"by": "x"}
            sleep(0.5)  # the other reads the row before this commit

    def put_off(node: Node) -> None:
        sleep(0.25)
        node.release_service.postpone(run_id, Reason("archive-full", {}), Actor.service("worker-0"))

    assert rooms.at_once(supersede, put_off) == ["", ""]
    with rooms.node.database.read() as session:
        run = session.get_one(RunRow, run_id)
        assert (run.state, run.reason_code, run.attempts) == (RunState.SUPERSEDED, "run-superseded", 1)


@pytest.mark.hazard("HAZ-09")
def test_a_kept_result_is_never_computed_again(rooms, run_id: str) -> None:
    rooms.computation().compute_and_keep(run_id, WORKER)
    rooms.clock.advance(60)
    rooms.computation().compute_and_keep(run_id, WORKER)
    assert rooms.pipeline.runs == 1


def test_an_attempt_after_a_crash_has_the_first_ones_dates(rooms, run_id: str) -> None:
    rooms.pipeline.error = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        rooms.computation().compute_and_keep(run_id, WORKER)
    rooms.clock.advance(3600)
    rooms.pipeline.error = None
    rooms.computation().compute_and_keep(run_id, WORKER)
    first, second = rooms.pipeline.identities
    assert first == second


def test_holding_twice_is_as_once(rooms, run_id: str) -> None:
    rooms.compute(run_id)
    before = only_run(rooms)
    manifest = rooms.node.results.kept(run_id)
    assert manifest is not None
    assert rooms.node.release_service.hold(manifest, WORKER) is RunState.HELD
    after = only_run(rooms)
    assert [o.sop_instance_uid for o in before.objects] == [o.sop_instance_uid for o in after.objects]
    assert len(after.objects) == 1


@pytest.mark.hazard("HAZ-23")
def test_a_model_that_changed_since_the_decision_computes_nothing(rooms, run_id: str) -> None:
    with rooms.node.database.write() as session:
        run = session.get_one(RunRow, run_id)
        run.models = {role: {**model, "sha256": "0" * 64} for role, model in run.models.items()}
    with pytest.raises(Permanent, match="model-changed"):
        rooms.computation().compute_and_keep(run_id, WORKER)
    assert rooms.pipeline.runs == 0


@pytest.mark.hazard("HAZ-19")
def test_a_superseded_run_stops_at_its_next_progress(rooms, mr_study) -> None:
    *images, late = mr_study(4)
    rooms.file(*images)
    rooms.settle()
    first = only_run(rooms).run_id
    pipeline_run = rooms.pipeline.run

    def overtaken(inputs, run, progress):
        rooms.file(late)
        rooms.settle()
        return pipeline_run(inputs, run, progress)

    rooms.pipeline.run = overtaken
    with pytest.raises(Permanent, match="run-superseded"):
        rooms.computation().compute_and_keep(first, WORKER)
    assert rooms.node.results.kept(first) is None
    rooms.node.release_service.fail(first, Reason("run-crashed", {"error": "x"}), WORKER)
    with rooms.node.database.read() as session:
        assert session.get_one(RunRow, first).state == RunState.SUPERSEDED


def test_an_ended_run_is_not_entered_again(rooms, run_id: str) -> None:
    rooms.node.release_service.fail(run_id, Reason("run-crashed", {"error": "X"}), WORKER)
    with pytest.raises(Refusal, match="state-transition"):
        rooms.computation().compute_and_keep(run_id, WORKER)


@pytest.mark.hazard("HAZ-11")
def test_a_passing_fault_is_tried_again_later_and_fails_at_last(rooms, run_id: str) -> None:
    rooms.node.release_service  # noqa: B018 (made before the clock moves)
    with rooms.node.database.write() as session:
        session.get_one(RunRow, run_id).state = RunState.RUNNING
    full = Reason("result-not-kept", {"folder": "x", "error": "No space left on device"})
    for attempt in range(2, 6):
        rooms.node.release_service.postpone(run_id, full, WORKER)
        run = only_run(rooms)
        assert (run.state, run.attempts, run.reason_code) == (RunState.RUNNING, attempt, "result-not-kept")
    rooms.node.release_service.postpone(run_id, full, WORKER)
    assert only_run(rooms).state == RunState.FAILED


@pytest.mark.hazard("HAZ-13")
def test_what_a_run_made_is_in_the_catalogue_and_opens_nothing(rooms, run_id: str) -> None:
    rooms.compute(run_id)
    assert rooms.settle() == 0
    rooms.clock.advance(3600)
    assert rooms.node.router.settle_due() == 0
    with rooms.node.database.read() as session:
        assert session.scalars(select(RunRow)).all()[0].state == RunState.HELD


@pytest.mark.hazard("HAZ-20")
def test_a_damaged_input_computes_nothing(rooms, run_id: str) -> None:
    with rooms.node.database.read() as session:
        location = session.get_one(RunRow, run_id).inputs[1].location
    file = rooms.node.files.path(location)
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(Permanent, match="file-damaged"):
        rooms.computation().compute_and_keep(run_id, WORKER)
    assert rooms.pipeline.runs == 0


@pytest.mark.hazard("HAZ-15")
def test_a_package_that_was_tampered_with_computes_nothing_and_is_named(rooms, run_id: str) -> None:
    why = PackageTampered(folder="models/x", found="1", stated="2")
    with pytest.raises(Permanent, match=r"model-unusable.*package-tampered.*models/x"):
        rooms.computation(package=raising(why)).compute_and_keep(run_id, WORKER)
    assert rooms.pipeline.runs == 0


def test_a_model_that_is_gone_is_named(rooms, run_id: str) -> None:
    computation = rooms.computation(package=raising(PackageError("package-unknown", found="x")))
    with pytest.raises(Permanent, match="model-missing"):
        computation.compute_and_keep(run_id, WORKER)


@pytest.mark.hazard("HAZ-11")
@pytest.mark.parametrize(
    ("part", "why", "code"),
    [
        ("package", PackageError("packages-folder-missing", folder="share"), "model-folder-missing.*share"),
        ("build", DeviceError("device-absent", found="cuda:0"), "device-unusable.*cuda:0"),
    ],
)
def test_a_share_or_a_device_that_is_away_makes_the_run_wait(rooms, run_id: str, part: str, why, code: str) -> None:
    with pytest.raises(Transient, match=code):
        rooms.computation(**{part: raising(why)}).compute_and_keep(run_id, WORKER)
    rooms.compute(run_id)
    assert only_run(rooms).state == RunState.HELD


def test_what_cannot_be_warmed_is_told_and_keeps_nothing_else_cold(rooms, run_id: str) -> None:
    broken = PackageError("card-schema", folder="x")
    other = dataclasses.replace(rooms.pipeline.declaration, name="other", models={"generator": "other"})

    def package(name: str) -> ModelPackage:
        if name == "other":
            raise broken
        return rooms.model

    built: list[str] = []

    def build(name: str, _packages: Mapping[str, ModelPackage]) -> Pipeline:
        built.append(name)
        return rooms.pipeline

    computation = rooms.computation(package=package, build=build)
    assert computation.warm([other, rooms.pipeline.declaration]) == [broken]
    assert built == [rooms.pipeline.declaration.name]
    computation.compute_and_keep(run_id, WORKER)
    assert len(built) == 1


@pytest.mark.hazard("HAZ-12")
def test_the_beginning_of_a_run_is_audited_once_with_worker_and_models(rooms, run_id: str) -> None:
    rooms.pipeline.error = RuntimeError("killed")
    with pytest.raises(RuntimeError):
        rooms.computation().compute_and_keep(run_id, WORKER)
    rooms.pipeline.error = None
    rooms.computation().compute_and_keep(run_id, WORKER)
    with rooms.node.database.read() as session:
        (row,) = session.scalars(select(AuditRow).where(AuditRow.code == AuditCode.RUN_STARTED))
    details = json.loads(row.details)
    assert (details["run"], details["models"]) == (run_id, ["head-mr-to-ct"])
