"""SIGKILL of each process in the middle of receiving, of inference and of delivery.

Nothing acknowledged is lost, and the study ends delivered, once in effect. When a moment has come is read from
Orthanc, from the sender's log, or from the node's database opened for reading; what is judged comes by
``synthnode status`` and from Orthanc.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dcmtk import Storescu
from evidence import Rounds
from head_series import HeadSeries
from hospital import Hospital, OpenHospital
from pydicom import dcmread
from running_node import Json, ended, states
from waiting import wait_for

PROCESSES = ("receive", "engine", "worker", "supervisor")
SECONDS = 600.0

pytestmark = [pytest.mark.peer("orthanc", "dcmtk"), pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def hospital(open_hospital: OpenHospital) -> Hospital:
    """One hospital for all rounds: what a kill leaves behind must not harm the next study either."""
    return open_hospital(quiet_seconds=2.0)


def victims(*in_the_thick_of_it: str) -> pytest.MarkDecorator:
    """Kill every process in a full run; in a short one only those that the moment is about."""
    rounds = {name: int(name in in_the_thick_of_it) for name in PROCESSES}
    cases = [pytest.param(name, marks=pytest.mark.suite("kills", quick=rounds[name], full=10)) for name in PROCESSES]
    return pytest.mark.parametrize("victim", cases, indirect=True)


@pytest.fixture
def victim(request: pytest.FixtureRequest, hospital: Hospital) -> Callable[[], None]:
    """Kills one of the node's processes, and sees to it that the node runs again."""

    def kill() -> None:
        killed = hospital.node.kill(request.param)
        if request.param == "supervisor":
            hospital.node.start()
        else:
            again = hospital.node.pid_of(request.param, other_than=killed)
            assert again != killed

    return kill


@pytest.mark.hazard("HAZ-01")
@victims("receive", "supervisor")
def test_while_it_receives(hospital: Hospital, victim: Callable[[], None], rounds: Rounds, tmp_path: Path) -> None:
    for chance in rounds:
        series = HeadSeries(seed=chance.getrandbits(48))
        folder = series.write(tmp_path / str(series.seed))
        acknowledged = cut_off(folder, hospital, victim, after=chance.randint(1, series.slices - 10))
        assert set(hospital.node.kept(acknowledged)) == acknowledged
        # A scanner that was cut off sends the series again.
        wait_for(hospital.answers, within=SECONDS, what="the receiver to be back")
        hospital.scan(folder)
        ends_delivered_once(hospital, series)


@pytest.mark.hazard("HAZ-09")
@victims("worker", "engine", "supervisor")
def test_while_it_infers(hospital: Hospital, victim: Callable[[], None], rounds: Rounds, tmp_path: Path) -> None:
    for chance in rounds:
        series = HeadSeries(seed=chance.getrandbits(48))
        hospital.scan(series.write(tmp_path / str(series.seed)))
        wait_until_running(hospital, series)
        time.sleep(chance.uniform(0, 2))
        victim()
        ends_delivered_once(hospital, series)


@pytest.mark.hazard("HAZ-09")
@victims("engine", "supervisor")
def test_while_it_delivers(hospital: Hospital, victim: Callable[[], None], rounds: Rounds, tmp_path: Path) -> None:
    for chance in rounds:
        series = HeadSeries(seed=chance.getrandbits(48))
        hospital.scan(series.write(tmp_path / str(series.seed)))
        run = hospital.node.wait_until_held(series.study_uid, within=SECONDS)
        enough = hospital.pacs.instances() + chance.randint(1, len(run["objects"]) // 2)
        hospital.node.release(series.study_uid)
        wait_for_pacs(hospital, enough)
        victim()
        ends_delivered_once(hospital, series)


def cut_off(folder: Path, hospital: Hospital, victim: Callable[[], None], *, after: int) -> set[str]:
    """Kill while a folder is sent and at least `after` instances were acknowledged; return which were in the end."""
    sender = Storescu(folder, hospital.node.port)
    wait_for(lambda: len(sender.acknowledged()) >= after, within=SECONDS, what="instances to arrive", every=0.005)
    victim()
    sender.wait()
    return {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in sender.acknowledged()}


def wait_until_running(hospital: Hospital, series: HeadSeries) -> None:
    """Wait until the study's run is in its worker's hands."""
    wait_for(lambda: run_state(hospital, series) == "running", within=SECONDS, what="inference", every=0.01)


def wait_for_pacs(hospital: Hospital, instances: int) -> None:
    """Wait until the PACS has so many instances."""
    wait_for(lambda: hospital.pacs.instances() >= instances, within=SECONDS, what="objects to come", every=0.005)


def ends_delivered_once(hospital: Hospital, series: HeadSeries) -> None:
    """Release the study if it is held, wait for its end, and look at what is in the PACS.

    A study that was cut off for longer than the quiet time may have been computed on what had arrived; such a run is
    superseded or refused, and its outputs never leave.
    """

    def delivered(study: Json) -> bool:
        if study["state"] != "routed" or study["instances"] < series.slices or not ended(study):
            return False
        assert {"held", "released", "delivered"} & set(states(study)), f"nothing will come of it: {study['runs']}"
        if "held" in states(study):
            hospital.node.release(series.study_uid)
        return states(study).count("delivered") == 1

    study = hospital.node.wait_for_study(series.study_uid, delivered, within=SECONDS, what="the one delivery")
    (run,) = (run for run in study["runs"] if run["state"] == "delivered")
    assert set(states(study)) - {"delivered"} <= {"superseded", "refused", "failed"}
    (delivery,) = run["deliveries"]
    assert (delivery["state"], delivery["sent"]) == ("delivered", len(run["objects"]))
    assert study["quarantined"] == []
    in_pacs = hospital.pacs.instances_of(series.study_uid)
    assert in_pacs == set(run["objects"])
    kept = hospital.node.kept(in_pacs)
    assert all(len(files) == 1 for files in kept.values())
    assert set(kept) == in_pacs
    assert hospital.node.json("audit", "verify")["valid"] is True


def run_state(hospital: Hospital, series: HeadSeries) -> str | None:
    """Return the state of the study's latest run, from the database opened for reading."""
    (file,) = hospital.node.data.glob("*.db")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as connection:
        question = "SELECT state FROM runs WHERE study_uid = ? ORDER BY queued_at DESC"
        found = connection.execute(question, (series.study_uid,)).fetchone()
    connection.close()
    return None if found is None else str(found[0])
