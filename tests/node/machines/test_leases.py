"""Leases: jobs of a machine that is gone go back to their queue, once; those of a living one stay its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError

from node.composition import Node
from node.database import Database
from node.errors import Permanent
from node.jobs.queue import INFERENCE
from node.machines.keeper import LeaseKeeper
from node.machines.leases import Lease
from node.machines.tables import ExecutorLeaseRow

pytestmark = [BOTH_DATABASES, pytest.mark.hazard("HAZ-11")]

RELEASE = "1.0"
LEASE_S = 20.0


class Monotonic:
    """A clock that is moved by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def lease_of(monotonic: Monotonic) -> Callable[..., Lease]:
    def made(node: Node, process: str, version: str = RELEASE) -> Lease:
        return Lease(node.database, node.queue, node.machine, process, version, LEASE_S, monotonic)

    return made


@pytest.fixture
def main(rooms: Any, monotonic: Monotonic, lease_of: Callable[..., Lease]) -> Iterator[Lease]:
    """The engine's lease, which it has had for long enough to take over from others."""
    lease = lease_of(rooms.node, "engine")
    lease.take()
    for _ in range(6):
        monotonic.seconds += LEASE_S / 5
        lease.renew()
    return lease


@pytest.fixture
def job(rooms: Any, mr_study: Any) -> Callable[[str], None]:
    """Order a run, and have an executor begin it."""

    def begun(executor: str) -> None:
        rooms.file(*mr_study())
        rooms.settle()
        claim = text(
            "UPDATE workflow_status SET status = 'PENDING', executor_id = :who, owner_xid = 'x', recovery_attempts = 3"
        )
        with rooms.node.database.write() as session:
            session.execute(claim, {"who": executor})

    return begun


def jobs(rooms: Any) -> list[tuple[Any, ...]]:
    question = text("SELECT status, queue_name, owner_xid, recovery_attempts FROM workflow_status")
    with rooms.node.database.read() as session:
        return [tuple(row) for row in session.execute(question)]


def executors(rooms: Any) -> list[str]:
    with rooms.node.database.read() as session:
        return sorted(session.scalars(select(ExecutorLeaseRow.executor)))


def expire(rooms: Any, executor: str, by_ms: int = 60_000) -> None:
    """Let the database's clock go on for one lease."""
    with rooms.node.database.write() as session:
        session.execute(
            update(ExecutorLeaseRow)
            .where(ExecutorLeaseRow.executor == executor)
            .values(expires_ms=ExecutorLeaseRow.expires_ms - by_ms)
        )


BEGUN = ("PENDING", INFERENCE, "x", 3)
WAITING = ("ENQUEUED", INFERENCE, None, 3)
"""The count of attempts is kept: a job that kills its workers must end by name."""


def test_the_job_of_a_machine_that_is_gone_goes_back_to_its_queue(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease, job: Any
) -> None:
    gone = lease_of(machine("gpu-2"), "worker-0")
    gone.take()
    job("gpu-2/worker-0")
    assert (main.take_over(), jobs(rooms)) == (0, [BEGUN])
    expire(rooms, "gpu-2/worker-0")
    assert (main.take_over(), jobs(rooms)) == (1, [WAITING])
    assert executors(rooms) == [main.executor]
    with pytest.raises(Permanent, match="lease-lost"):
        gone.renew()


def test_the_job_of_a_worker_that_the_settings_do_not_have_any_more_goes_back(
    rooms: Any, main: Lease, job: Any
) -> None:
    job("worker-7")
    assert (main.take_over(), jobs(rooms)) == (1, [WAITING])


def test_an_expired_lease_that_is_renewed_in_time_is_kept(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease, job: Any
) -> None:
    late = lease_of(machine("gpu-2"), "worker-0")
    late.take()
    job("gpu-2/worker-0")
    expire(rooms, "gpu-2/worker-0")
    late.renew()
    assert (main.take_over(), jobs(rooms)) == (0, [BEGUN])


def test_nobody_is_taken_for_gone_before_all_could_renew(
    rooms: Any,
    monotonic: Monotonic,
    machine: Callable[..., Node],
    lease_of: Callable[..., Lease],
    main: Lease,
    job: Any,
) -> None:
    """The database was away: everybody's lease has expired, and everybody is alive."""
    other = lease_of(machine("gpu-2"), "worker-0")
    other.take()
    job("gpu-2/worker-0")
    expire(rooms, "gpu-2/worker-0")
    monotonic.seconds += LEASE_S * 3
    main.renew()
    assert (main.take_over(), jobs(rooms)) == (0, [BEGUN])
    other.renew()
    for _ in range(6):
        monotonic.seconds += LEASE_S / 5
        main.renew()
    assert (main.take_over(), jobs(rooms)) == (0, [BEGUN])


def test_a_process_that_has_just_started_takes_nobody_for_gone(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], job: Any
) -> None:
    job("gpu-2/worker-0")
    fresh = lease_of(rooms.node, "engine")
    fresh.take()
    assert (fresh.take_over(), jobs(rooms)) == (0, [BEGUN])


def test_a_clock_that_goes_back_an_hour_keeps_no_dead_machine_alive(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease, job: Any
) -> None:
    lease_of(machine("gpu-2"), "worker-0").take()
    job("gpu-2/worker-0")
    expire(rooms, "gpu-2/worker-0", by_ms=-3_600_000)
    assert main.take_over() == 0
    expire(rooms, "gpu-2/worker-0", by_ms=int(LEASE_S * 1000) + 1)
    assert (main.take_over(), jobs(rooms)) == (1, [WAITING])


def test_a_process_that_starts_anew_on_its_machine_takes_its_lease_at_once(
    machine: Callable[..., Node], lease_of: Callable[..., Lease]
) -> None:
    node = machine("gpu-2")
    first, second = lease_of(node, "worker-0"), lease_of(node, "worker-0")
    first.take()
    second.take()
    second.renew()
    with pytest.raises(Permanent, match="lease-lost"):
        first.renew()


def test_two_machines_of_one_name_do_not_take_each_others_jobs(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease]
) -> None:
    first = lease_of(machine("gpu-2", folder="first"), "worker-0")
    second = lease_of(machine("gpu-2", folder="second"), "worker-0")
    first.take()
    with pytest.raises(Permanent, match="machine-name-taken"):
        second.take()
    expire(rooms, "gpu-2/worker-0")
    second.take()  # the first is gone: its disk was replaced


def test_machines_have_workers_of_the_same_name(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease]
) -> None:
    for name in ("gpu-1", "gpu-2"):
        lease_of(machine(name), "worker-0").take()
    assert executors(rooms) == ["gpu-1/worker-0", "gpu-2/worker-0"]
    receivers = {machine(name, folder=name + "-r").machine.receiver for name in ("gpu-1", "gpu-2")}
    assert len(receivers) == 2


@pytest.mark.hazard("HAZ-23")
def test_a_process_of_another_release_takes_no_jobs(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease]
) -> None:
    rooms.node.shared.claim(RELEASE)
    node = machine("gpu-2")
    with pytest.raises(Permanent, match="machine-version"):
        lease_of(node, "worker-1", "0.9").take()
    at_work = lease_of(node, "worker-0")
    at_work.take()
    rooms.node.shared.claim("1.1")  # the node was upgraded under it
    with pytest.raises(Permanent, match="machine-version"):
        at_work.renew()


def test_a_lease_that_is_given_back_frees_its_jobs_at_once(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease, job: Any
) -> None:
    stopped = lease_of(machine("gpu-2"), "worker-0")
    stopped.take()
    job("gpu-2/worker-0")
    stopped.give_back()
    assert (main.take_over(), jobs(rooms)) == (1, [WAITING])


def test_the_keeper_ends_a_process_that_lost_its_lease(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease]
) -> None:
    lease = lease_of(machine("gpu-2"), "worker-0")
    lease.take()
    lost: list[str] = []
    lease.renew_every_s = 0.02
    keeper = LeaseKeeper(lease, lambda reason: lost.append(reason.code))
    with rooms.node.database.write() as session:
        session.execute(text("DELETE FROM executor_leases"))
    keeper.start()
    keeper._thread.join(20)
    assert lost == ["lease-lost"]


def test_a_keeper_outlives_a_database_that_is_away(rooms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OSError("the server is away")] * 3
    renewed: list[int] = []

    class Shaken:
        renew_every_s = 0.01

        def renew(self) -> None:
            if failures:
                raise failures.pop()
            renewed.append(1)
            raise Permanent("lease-lost", executor="x")

    keeper = LeaseKeeper(Shaken(), lambda _reason: None)  # type: ignore[arg-type]
    keeper.start()
    keeper._thread.join(20)
    assert (failures, renewed) == ([], [1])


def test_of_several_that_take_over_at_once_one_does(
    rooms: Any, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease, job: Any
) -> None:
    lease_of(machine("gpu-2"), "worker-0").take()
    job("gpu-2/worker-0")
    expire(rooms, "gpu-2/worker-0")
    url, settings = rooms.node.database.url, rooms.node.settings
    rooms.node.queue.close()
    rooms.node.database.close()
    context = get_context("fork")
    gate, taken = context.Barrier(3), context.SimpleQueue()

    def take_over(process: str) -> None:
        clock = Monotonic()
        node = Node(settings, rooms.clock, Database(url))
        lease = Lease(node.database, node.queue, node.machine, process, RELEASE, LEASE_S, clock)
        lease.take()
        for _ in range(6):
            clock.seconds += LEASE_S / 5
            lease.renew()
        gate.wait()
        taken.put(lease.take_over())

    processes = [context.Process(target=take_over, args=(f"worker-{n}",), daemon=True) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert sorted(taken.get() for _ in processes) == [0, 0, 1]
    assert jobs(rooms) == [WAITING]


@pytest.mark.hazard("HAZ-22")
@pytest.mark.timeout(60)
def test_a_process_that_was_stopped_in_a_recorded_change_holds_up_nobody_longer_than_its_lease(
    rooms: Any, dialect: str, machine: Callable[..., Node], lease_of: Callable[..., Lease], main: Lease
) -> None:
    if dialect == "sqlite":
        pytest.skip("there the supervisor kills a child that misses its heartbeat")
    stopped = machine("gpu-2")
    lease_of(stopped, "worker-0").take()
    with pytest.raises(OperationalError), stopped.database.write_exclusively() as session:  # noqa: PT012 (its own end)
        expire(rooms, "gpu-2/worker-0")
        main.take_over()
        main.renew()
        with rooms.node.database.write_exclusively() as others:
            assert others.execute(text("SELECT 1")).scalar_one() == 1
        session.execute(text("SELECT 'it goes on'"))
