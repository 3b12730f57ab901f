"""Leases: while a process renews its own, nobody takes its jobs; when it is gone, another puts them back.

All times are the database's. A lease only saves work: a process that was taken for dead and goes on is fenced by the
job engine, which lets it record nothing more of a job that another has begun, and by results, of which the first kept
counts.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import structlog
from sqlalchemy import delete, exists, select, update

from node.database import Database
from node.errors import Permanent
from node.jobs.queue import JobQueue
from node.machines.machine import Machine
from node.machines.tables import ExecutorLeaseRow, NodeRow

RENEWALS = 5
"""How often a lease is renewed while it would hold: some may come late, or not at all."""

_log = structlog.get_logger(__name__)


class Lease:
    """The lease of one process that takes jobs.

    Parameters
    ----------
    database, queue
        The node's.
    machine, process
        Whose it is.
    version
        The release that it runs.
    lease_s
        How long it holds; longer than inference holds Python's lock, and than the database takes to restart.
    monotonic
        Seconds since some moment, on a clock that nobody sets.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        machine: Machine,
        process: str,
        version: str,
        lease_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._queue = queue
        self._machine = machine
        self.executor = machine.executor(process)
        self._version = version
        self._lease_s = lease_s
        self.renew_every_s = lease_s / RENEWALS
        self._lease_ms = int(lease_s * 1000)
        self._monotonic = monotonic
        self._incarnation = uuid.uuid4().hex
        self._in_contact_since: float | None = None
        self._in_contact_at = 0.0

    def take(self) -> None:
        """Take the lease, from an earlier process of this machine at once; before the first job is taken.

        From then on this process's connections to the database bear the lease's name.

        Raises
        ------
        Permanent
            ``machine-name-taken``: a process of another machine has it. ``machine-version``: the node was started
            with another release.
        """
        self._database.open_as(self.executor)
        # One at a time with `take_over`: it must not put back what this process is about to begin.
        with self._database.write_briefly() as session:
            self._check_version(session.scalars(select(NodeRow.version)).first())
            now = session.scalars(select(self._database.now_ms)).one()
            row = session.get(ExecutorLeaseRow, self.executor)
            if row is not None and row.machine_id != self._machine.id and row.expires_ms > now:
                raise Permanent("machine-name-taken", machine=self._machine.name, executor=self.executor)
            session.merge(
                ExecutorLeaseRow(
                    executor=self.executor,
                    machine=self._machine.name,
                    machine_id=self._machine.id,
                    incarnation=self._incarnation,
                    version=self._version,
                    renewed_ms=now,
                    expires_ms=now + self._lease_ms,
                )
            )
        self._note_contact()

    def renew(self) -> None:
        """Renew the lease.

        Raises
        ------
        Permanent
            ``lease-lost``: this process was taken for dead, and others may have its jobs. ``machine-version``: the
            node was started anew with another release.
        """
        now = self._database.now_ms
        with self._database.write_briefly() as session:
            renewed = session.scalars(
                update(ExecutorLeaseRow)
                .where(ExecutorLeaseRow.executor == self.executor, ExecutorLeaseRow.incarnation == self._incarnation)
                .values(renewed_ms=now, expires_ms=now + self._lease_ms)
                .returning(ExecutorLeaseRow.executor)
                .execution_options(synchronize_session=False)
            ).first()
            version = session.scalars(select(NodeRow.version)).first()
        if renewed is None:
            raise Permanent("lease-lost", executor=self.executor)
        self._check_version(version)
        self._note_contact()

    def take_over(self) -> int:
        """Put the jobs of executors that are gone back into their queues, and return how many jobs.

        Gone is whose lease expired, or who has none. After this process itself had lost the database, and after its
        start, nobody is taken for gone before everybody had the time to renew.
        """
        since = self._in_contact_since
        if since is None or self._monotonic() - since < self._lease_s or not self._anything_to_take_over():
            return 0
        now = self._database.now_ms
        with self._database.write_briefly() as session:
            # The database's clock was set back: what nobody renews would hold for as long as that.
            session.execute(
                update(ExecutorLeaseRow)
                .where(ExecutorLeaseRow.expires_ms > now + self._lease_ms)
                .values(expires_ms=now + self._lease_ms)
                .execution_options(synchronize_session=False)
            )
            gone = session.scalars(
                delete(ExecutorLeaseRow).where(ExecutorLeaseRow.expires_ms < now).returning(ExecutorLeaseRow.executor)
            ).all()
            # What was stopped in the middle of a change may hold what all others wait for.
            self._database.end_connections(session, gone)
            jobs = self._queue.take_back(session, select(ExecutorLeaseRow.executor))
        for executor in gone:
            _log.warning("executor gone", process=executor)
        if jobs:
            _log.warning("jobs taken over", count=jobs)
        return jobs

    def give_back(self) -> None:
        """Give the lease back at the end of the process: others may take its jobs at once."""
        with self._database.write() as session:
            session.execute(
                delete(ExecutorLeaseRow).where(
                    ExecutorLeaseRow.executor == self.executor, ExecutorLeaseRow.incarnation == self._incarnation
                )
            )

    def _anything_to_take_over(self) -> bool:
        now = self._database.now_ms
        lease = ExecutorLeaseRow.expires_ms
        with self._database.read() as session:
            stale = session.scalar(select(exists().where((lease < now) | (lease > now + self._lease_ms))))
            return bool(stale) or self._queue.any_begun(session, select(ExecutorLeaseRow.executor))

    def _check_version(self, found: str | None) -> None:
        if found is not None and found != self._version:
            raise Permanent("machine-version", found=self._version, expected=found)

    def _note_contact(self) -> None:
        now = self._monotonic()
        if self._in_contact_since is None or now - self._in_contact_at > self._lease_s / 2:
            self._in_contact_since = now
        self._in_contact_at = now
