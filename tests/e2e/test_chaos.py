"""Processes die, machines stand still, the database goes away: every job ends, and once in effect.

Killed are at random the supervisor, the receiver, the engine and the workers; on PostgreSQL also a whole machine, one
that stands still for longer than its lease and goes on, and the database's server. The jobs are of two classes, and of
these the urgent one always begins first.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chaos import noted, overtaken, watch_jobs
from evidence import Rounds
from hospital import Hospital, OpenHospital
from postgresql import BOTH_DATABASES, PostgresqlServer
from running_node import states
from sqlalchemy import bindparam, create_engine, text
from tiny_pipeline import TinyStudy, write_tiny_pipeline, write_tiny_rules
from waiting import wait_for
from worker_machine import WorkerMachine

LEASE_S = 4.0
SECONDS = 600.0
DATABASE_AWAY_S = 3.0
DEVICES = ["cpu", "cpu"]

pytestmark = [
    BOTH_DATABASES,
    pytest.mark.peer("orthanc", "dcmtk"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.hazard("HAZ-09", "HAZ-11"),
]


@dataclass
class Site:
    """A hospital, the further machine of its node, if it has one, and the server of its database.

    Attributes
    ----------
    recovered
        Seconds until all was at work again, by what was killed.
    """

    hospital: Hospital
    machine: WorkerMachine | None
    server: PostgresqlServer | None
    recovered: dict[str, list[float]] = field(default_factory=dict)

    @property
    def victims(self) -> dict[str, Callable[[], None]]:
        """What can be harmed, and how; each returns when it is at work again."""
        node = self.hospital.node
        found: dict[str, Callable[[], None]] = {
            name: lambda name=name: self._kill(name)  # type: ignore[misc]
            for name in ("worker-0", "worker-1", "engine", "receive")
        }
        found["supervisor"] = lambda: (node.kill("supervisor"), node.start())[1]
        if self.machine is not None and self.server is not None:
            found |= {"machine": self._cut_power, "still": self._stand_still, "database": self._lose_database}
        return found

    def harm(self, victim: str) -> None:
        """Harm one of them, and note how long it took until it was at work again."""
        began = time.monotonic()
        self.victims[victim]()
        self.recovered.setdefault(victim, []).append(round(time.monotonic() - began, 1))

    def _kill(self, name: str) -> None:
        ready = self.hospital.node.data / "run" / f"{name}.ready"
        before = wait_for(lambda: ready.exists() and ready.read_text(), within=SECONDS, what=f"{name} at work")
        self.hospital.node.kill_child(int(before))
        wait_for(lambda: ready.exists() and ready.read_text() not in {before, ""}, within=SECONDS, what=f"{name} anew")

    def _cut_power(self) -> None:
        assert self.machine is not None
        self.machine.kill()
        self.machine.start()

    def _stand_still(self) -> None:
        assert self.machine is not None
        self.machine.pause()
        time.sleep(2 * LEASE_S)
        self.machine.resume()

    def _lose_database(self) -> None:
        assert self.server is not None
        self.server.stop()
        time.sleep(DATABASE_AWAY_S)
        self.server.start()


@pytest.fixture
def site(
    dialect: str,
    open_hospital: OpenHospital,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    rounds: Rounds,
) -> Iterator[Site]:
    # Long enough that most of what is harmed is harmed at work.
    seconds = 15 if rounds.count > 1 else 4
    server: PostgresqlServer | None = None
    if dialect == "postgresql":
        server = request.getfixturevalue("postgresql_server")
    hospital = open_hospital(
        quiet_seconds=1.0,
        database_url=None if server is None else server.site_url(tmp_path / "pgpass"),
        environment={"PYTHONPATH": str(write_tiny_pipeline(tmp_path / "plugin")), "TINY_SECONDS": str(seconds)},
        rules=str(write_tiny_rules(tmp_path / "rules.yaml")),
        compute={"devices": DEVICES},
        node={"name": "E2E", "machine": "main", "lease_seconds": LEASE_S},
    )
    watch_jobs(hospital.node.database() if server else create_engine(f"sqlite:///{hospital.node.data / 'node.db'}"))
    machine = None
    if server is not None:
        machine = WorkerMachine(hospital.node, "gpu-2", compute={"devices": ["cpu"]})
        machine.join()
        machine.start()
    yield Site(hospital, machine, server)
    if machine is not None:
        machine.end()
    hospital.close()


@pytest.mark.suite("chaos", quick=1, full=5)
def test_every_job_ends_once_in_effect(
    site: Site, rounds: Rounds, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    # In a full run 40 jobs and 100 harms on each database.
    jobs, harms = (8, 20) if rounds.count > 1 else (4, 5)
    for chance in rounds:
        studies = [TinyStudy(chance.getrandbits(48), kind) for kind in ("spine", "stroke") for _ in range(jobs // 2)]
        order = victims(site, chance, harms)
        for study in studies:
            site.hospital.scan(study.write(tmp_path / str(study.seed)))
        begun = [study.study_uid for study in studies]
        wait_for(lambda begun=begun: at_work(site, begun), within=SECONDS, what="the first job")  # type: ignore[misc]
        for victim in order[: harms * 3 // 4]:
            site.harm(victim)
            time.sleep(chance.uniform(0, 1.5))
        for study in studies:
            run = site.hospital.node.wait_until_held(study.study_uid, within=SECONDS)
            assert run["deliveries"] == []
        for study in studies:
            site.hospital.node.release(study.study_uid)
        for victim in order[harms * 3 // 4 :]:
            site.harm(victim)
        for study in studies:
            ends_delivered_once(site.hospital, study)
    assert overtaken(noted(site.hospital.node.database())) == []
    assert site.hospital.node.json("audit", "verify")["valid"] is True
    for victim, seconds in sorted(site.recovered.items()):
        figure = {"count": len(seconds), "median_s": statistics.median(seconds), "longest_s": max(seconds)}
        print(f"{victim}: {figure}")
        record_property(victim, figure)
    taken = takeovers(site)
    record_property("jobs_taken_up_again", {"count": len(taken), "longest_s": max(taken, default=0.0)})
    print(f"jobs begun again after their process was lost: {len(taken)}, longest {max(taken, default=0.0)} s")


def at_work(site: Site, studies: list[str]) -> bool:
    """Return whether a run of these studies has begun."""
    question = text("SELECT count(*) FROM runs WHERE state <> 'queued' AND study_uid IN :studies")
    with site.hospital.node.database().connect() as database:
        bound = question.bindparams(bindparam("studies", studies, expanding=True))
        return bool(database.execute(bound).scalar_one())


def victims(site: Site, chance: random.Random, count: int) -> list[str]:
    """Draw what is harmed: everything once before anything twice."""
    drawn: list[str] = []
    while len(drawn) < count:
        everything = sorted(site.victims)
        chance.shuffle(everything)
        drawn += everything
    return drawn[:count]


def takeovers(site: Site) -> list[float]:
    """Return how long each job that was begun a second time had been in no living hands, or in the first's."""
    begun: dict[str, float] = {}
    found = []
    for one in noted(site.hospital.node.database()):
        if one.status == "PENDING":
            if one.job in begun:
                found.append(round(one.at - begun[one.job], 1))
            begun[one.job] = one.at
    return found


def ends_delivered_once(hospital: Hospital, study: TinyStudy) -> None:
    """Wait for the study's delivery, and look at what is in the PACS, in the archive and in the trail."""
    ended = hospital.node.wait_until_delivered(study.study_uid, within=SECONDS)
    assert states(ended) == ["delivered"]
    (run,) = ended["runs"]
    assert hospital.pacs.instances_of(study.study_uid) == set(run["objects"])
    kept = hospital.node.kept(set(run["objects"]))
    assert [len(files) for files in kept.values()] == [1]
    codes = hospital.node.audit_codes(study.study_uid)
    once = ("study-routed", "run-queued", "run-started", "run-held", "run-released", "delivery-done")
    assert {code: codes.count(code) for code in once} == dict.fromkeys(once, 1)
