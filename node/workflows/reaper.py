"""Ends by name what the job engine gave up, so that no run and no delivery waits for ever."""

from __future__ import annotations

from node.actor import Actor
from node.database import Database
from node.deliver.sender import DeliverySender
from node.deliver.tables import DeliveryRow
from node.jobs.queue import JobQueue
from node.release.service import ReleaseService
from node.runs.tables import RunRow
from pipelines.contract import Reason


class Reaper:
    """Finds jobs that ended without their own doing, and fails what they were for.

    Parameters
    ----------
    database, queue, release, sender
        The node's parts.
    actor
        In whose name.
    """

    def __init__(
        self, database: Database, queue: JobQueue, release: ReleaseService, sender: DeliverySender, actor: Actor
    ) -> None:
        self._database = database
        self._queue = queue
        self._release = release
        self._sender = sender
        self._actor = actor
        self._seen: set[tuple[str, str, str]] = set()

    def reap(self) -> None:
        """Look once."""
        for job in self._queue.ended_badly():
            key = (job.kind, job.identifier, job.status)
            if key in self._seen:
                continue
            reason = Reason("job-given-up", {"status": job.status})
            with self._database.read() as session:
                run_known = job.kind == "run" and session.get(RunRow, job.identifier) is not None
                delivery_known = job.kind == "delivery" and session.get(DeliveryRow, job.identifier) is not None
            if run_known:
                self._release.fail(job.identifier, reason, self._actor)
            elif delivery_known:
                self._sender.give_up(job.identifier, reason)
            self._seen.add(key)
