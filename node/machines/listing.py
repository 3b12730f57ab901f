"""Which processes of which machines take the node's jobs now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from node.database import Database
from node.machines.tables import ExecutorLeaseRow


@dataclass(frozen=True, slots=True)
class ExecutorReport:
    """A process that takes jobs.

    Attributes
    ----------
    executor, machine, version
        Its name among the node's, its machine's, and the release that it runs.
    silent_seconds
        Since it last renewed its lease.
    left_seconds
        Until others take its jobs; negative when they are about to.
    """

    executor: str
    machine: str
    version: str
    silent_seconds: float
    left_seconds: float


def executors(database: Database) -> Sequence[ExecutorReport]:
    """Return all processes that have a lease, by name, as of one moment of the database's clock."""
    question = select(ExecutorLeaseRow, database.now_ms).order_by(ExecutorLeaseRow.executor)
    with database.read() as session:
        return tuple(
            ExecutorReport(
                executor=row.executor,
                machine=row.machine,
                version=row.version,
                silent_seconds=round((now - row.renewed_ms) / 1000, 1),
                left_seconds=round((row.expires_ms - now) / 1000, 1),
            )
            for row, now in session.execute(question)
        )
