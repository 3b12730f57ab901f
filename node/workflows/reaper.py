"""Ends by name what the job engine gave up, and hastens what a clock set back would keep waiting: nothing stalls."""

from __future__ import annotations

from node.actor import Actor
from node.clock import Clock
from node.database import Database
from node.deliver.sender import DeliverySender
from node.deliver.tables import DeliveryRow
from node.jobs.queue import BadEnd, JobQueue
from node.notify.sender import NotificationSender
from node.release.service import ReleaseService
from node.runs.tables import RunRow
from pipelines.contract import Reason


class Reaper:
    """Finds jobs that ended without their own doing, and fails what they were for.

    Parameters
    ----------
    database, queue, release, sender, notifications, clock
        The node's parts.
    actor
        In whose name.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        release: ReleaseService,
        sender: DeliverySender,
        notifications: NotificationSender,
        clock: Clock,
        actor: Actor,
    ) -> None:
        self._database = database
        self._queue = queue
        self._release = release
        self._sender = sender
        self._notifications = notifications
        self._clock = clock
        self._actor = actor
        self._seen: set[BadEnd] = set()

    def reap(self) -> None:
        """Look once; what an attempt left that was followed by another says nothing of that one."""
        self._queue.hasten(self._clock.now())
        for job in self._queue.ended_badly():
            if job in self._seen:
                continue
            reason = Reason("job-given-up", {"status": job.status})
            with self._database.read() as session:
                run = session.get(RunRow, job.identifier) if job.kind == "run" else None
                delivery = session.get(DeliveryRow, job.identifier) if job.kind == "delivery" else None
            if run is not None and run.attempts == job.attempt:
                self._release.fail(job.identifier, reason, self._actor)
            elif delivery is not None and delivery.attempts == job.attempt:
                self._sender.give_up(job.identifier, job.attempt, reason)
            elif job.kind == "notification":
                self._notifications.give_up(job.identifier, job.attempt, reason)
            self._seen.add(job)
