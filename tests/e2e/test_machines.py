"""One node on several machines: they share database and folder, and what one of them began another ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hospital import Hospital, OpenHospital
from postgresql import PostgresqlServer
from sqlalchemy import text
from tiny_pipeline import TinyStudy, write_tiny_pipeline, write_tiny_rules
from waiting import wait_for
from worker_machine import WorkerMachine

LEASE_S = 4.0
SECONDS = 120.0

pytestmark = [
    pytest.mark.peer("orthanc", "dcmtk", "postgresql"),
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.hazard("HAZ-09", "HAZ-11"),
]


@pytest.fixture(scope="module")
def hospital(
    open_hospital: OpenHospital, postgresql_server: PostgresqlServer, tmp_path_factory: pytest.TempPathFactory
) -> Hospital:
    """A node whose main machine computes on one device, as each of the further machines does."""
    folder = tmp_path_factory.mktemp("site")
    return open_hospital(
        quiet_seconds=1.0,
        database_url=postgresql_server.site_url(folder / "pgpass"),
        environment={"PYTHONPATH": str(write_tiny_pipeline(folder / "plugin")), "TINY_SECONDS": "3"},
        rules=str(write_tiny_rules(folder / "rules.yaml")),
        compute={"devices": ["cpu"]},
        node={"name": "E2E", "machine": "main", "lease_seconds": LEASE_S},
    )


@pytest.fixture
def machine(hospital: Hospital) -> Iterator[WorkerMachine]:
    """A further machine, joined and at work; its worker has the name that the main machine's has too."""
    further = WorkerMachine(hospital.node, "gpu-2")
    if not further.data.exists():
        further.join()
    further.start()
    yield further
    further.end()


def scan(hospital: Hospital, folder: Path, *seeds: int) -> list[TinyStudy]:
    studies = [TinyStudy(seed, "spine") for seed in seeds]
    for study in studies:
        study.write(folder)
    assert hospital.scan(folder) == len(studies)
    return studies


def executors(hospital: Hospital) -> dict[str, str]:
    """Return who began each run's job, by the study of the run, as the database has it."""
    question = (
        "SELECT r.study_uid, w.executor_id FROM runs r JOIN dbos.workflow_status w "
        "ON w.workflow_uuid LIKE 'run/' || r.run_id || '/%' WHERE w.executor_id IS NOT NULL"
    )
    with hospital.node.database().connect() as database:
        return {str(study): str(executor) for study, executor in database.execute(text(question))}


def wait_for_job_of(hospital: Hospital, machine: str, studies: list[TinyStudy]) -> TinyStudy:
    """Wait until a study's job is in the hands of a machine, and return the study."""

    def look() -> TinyStudy | None:
        by = executors(hospital)
        return next((study for study in studies if by.get(study.study_uid, "").startswith(f"{machine}/")), None)

    return wait_for(look, within=SECONDS, what=f"a job on {machine}", every=0.05)


def ends_delivered_once(hospital: Hospital, study: TinyStudy) -> None:
    """Release the study, and look at what is in the PACS and in the trail."""
    run = hospital.node.wait_until_held(study.study_uid, within=SECONDS)
    hospital.node.release(study.study_uid)
    hospital.node.wait_until_delivered(study.study_uid, within=SECONDS)
    assert hospital.pacs.instances_of(study.study_uid) == set(run["objects"])
    codes = hospital.node.audit_codes(study.study_uid)
    assert [codes.count(code) for code in ("run-started", "run-held", "delivery-done")] == [1, 1, 1]
    assert all(len(files) == 1 for files in hospital.node.kept(set(run["objects"])).values())


def test_both_machines_compute_and_record_what_they_did(
    hospital: Hospital, machine: WorkerMachine, tmp_path: Path
) -> None:
    studies = scan(hospital, tmp_path / "in", 1, 2, 3, 4)
    for study in studies:
        hospital.node.wait_until_held(study.study_uid, within=SECONDS)
    assert set(executors(hospital).values()) == {"main/worker-0", "gpu-2/worker-0"}
    ends_delivered_once(hospital, studies[0])
    for place in (hospital.node.command("audit", "verify"), machine.command("audit", "verify")):
        assert place.returncode == 0, place.stdout


def test_the_run_of_a_machine_that_lost_its_power_ends_elsewhere(
    hospital: Hospital, machine: WorkerMachine, tmp_path: Path
) -> None:
    studies = scan(hospital, tmp_path / "in", 11, 12)
    begun = wait_for_job_of(hospital, "gpu-2", studies)
    machine.kill()
    ends_delivered_once(hospital, begun)
    assert executors(hospital)[begun.study_uid] == "main/worker-0"


def test_a_machine_that_was_stopped_for_longer_than_its_lease_is_fenced(
    hospital: Hospital, machine: WorkerMachine, tmp_path: Path
) -> None:
    studies = scan(hospital, tmp_path / "in", 21, 22)
    begun = wait_for_job_of(hospital, "gpu-2", studies)
    stopped = machine.pid_of("worker-0")
    machine.pause()
    wait_for_job_of(hospital, "main", [begun])
    machine.resume()
    ends_delivered_once(hospital, begun)
    assert executors(hospital)[begun.study_uid] == "main/worker-0"
    again = wait_for(lambda: machine.pid_of("worker-0") not in {stopped, None}, within=60, what="the worker anew")
    assert again
    assert "lease-lost" in machine.log


def refused(machine: WorkerMachine) -> str:
    """Start a machine that must not work, and return why it does not."""
    done = machine.command("worker")
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_a_machine_that_must_not_work_is_refused_by_name(hospital: Hospital, tmp_path: Path) -> None:
    assert "audit-anchor-missing" in refused(WorkerMachine(hospital.node, "unjoined"))
    (tmp_path / "mnt").mkdir()
    assert "shared-folder-missing" in refused(WorkerMachine(hospital.node, "unmounted", shared=str(tmp_path / "mnt")))
    assert list((tmp_path / "mnt").iterdir()) == []
    shutil.copy(hospital.node.data / "node.json", tmp_path / "mnt")
    mark = yaml.safe_load((tmp_path / "mnt" / "node.json").read_text())
    (tmp_path / "mnt" / "node.json").write_text(yaml.safe_dump({**mark, "start": "before"}))
    copied = WorkerMachine(hospital.node, "copied", shared=str(tmp_path / "mnt"))
    assert "shared-folder-missing" in refused(copied), "no JSON"
    (tmp_path / "mnt" / "node.json").write_text('{"schema": 1, "node": "another", "start": "x"}')
    assert "shared-folder-foreign" in refused(copied)
    assert "worker-needs-postgresql" in refused(WorkerMachine(hospital.node, "sqlite", database={"url": None}))
    with hospital.node.database().begin() as database:
        database.execute(text("UPDATE node SET version = '0.0.0'"))
    try:
        assert "machine-version" in refused(WorkerMachine(hospital.node, "older"))
    finally:
        hospital.node.stop()
        hospital.node.start()
