"""The door to the job engine: enqueue in the caller's own transaction, ask what became of a job.

The engine is DBOS Transact on the application's database: a job and the change that asks for it commit together
or not at all, and an identifier that repeats makes a second enqueue harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy import ColumnElement, Select, column, delete, exists, select, table, update
from sqlalchemy.orm import Session

INFERENCE = "inference"
"""Queue of runs; only compute workers listen to it, each takes one job at a time."""

DELIVERY = "delivery"
"""Queue of deliveries, one partition a destination, so that one that stalls holds up nobody but itself; the engine
process listens to it, so that a dead PACS never blocks a run."""

NOTIFICATION = "notification"
"""Queue of notifications, one partition a channel; the engine process listens to it."""

SYNTHESISE = "synthesise"
DELIVER = "deliver"
NOTIFY = "notify"

APPLICATION_VERSION = "1"
"""Jobs belong to a version of the workflows' code; it changes only with a plan to drain, not with every release."""

_CLOCKS_AGREE_WITHIN = timedelta(seconds=30)
"""The clock of a database on another machine, by which PostgreSQL dates a job, against the one of this machine."""


@dataclass(frozen=True, slots=True)
class BadEnd:
    """A job that ended without its own doing.

    Attributes
    ----------
    kind
        ``run``, ``delivery`` or ``notification``.
    identifier, attempt
        Whose it was, and which attempt at it; 0 where the job's name has no number.
    status
        The engine's.
    """

    kind: str
    identifier: str
    attempt: int
    status: str


class JobQueue:
    """Enqueues jobs and finds those that ended badly.

    Parameters
    ----------
    url
        The application's database, which the engine shares.
    """

    def __init__(self, url: str) -> None:
        self._client = DBOSClient(system_database_url=url, serializer=DBOSPortableJSONSerializer(), lazy=True)
        columns = (
            "workflow_uuid",
            "status",
            "queue_name",
            "executor_id",
            "owner_xid",
            "started_at_epoch_ms",
            "completed_at",
        )
        schema = None if url.startswith("sqlite") else "dbos"
        self._jobs = table("workflow_status", *(column(name) for name in columns), schema=schema)
        names = ("workflow_input", "workflow_output", "operation_outputs")
        self._kept_of_jobs = [table(name, column("workflow_uuid"), schema=schema) for name in names]

    def enqueue_run(self, session: Session, run_id: str, due: int, *, attempt: int = 1, delay_s: float = 0.0) -> None:
        """Enqueue an attempt at the run within the session's transaction."""
        job: EnqueueOptions = {
            "queue_name": INFERENCE,
            "workflow_name": SYNTHESISE,
            "workflow_id": f"run/{run_id}/{attempt}",
            "priority": due,
        }
        self._enqueue(session, job, run_id, delay_s)

    def enqueue_delivery(
        self, session: Session, delivery_id: str, destination: str, *, attempt: int = 1, delay_s: float = 0.0
    ) -> None:
        """Enqueue an attempt at the delivery, behind others to its destination, within the session's transaction."""
        job: EnqueueOptions = {
            "queue_name": DELIVERY,
            "workflow_name": DELIVER,
            "workflow_id": f"delivery/{delivery_id}/{attempt}",
            "queue_partition_key": destination,
        }
        self._enqueue(session, job, delivery_id, delay_s)

    def enqueue_notification(
        self, session: Session, notification_id: str, channel: str, *, attempt: int = 1, delay_s: float = 0.0
    ) -> None:
        """Enqueue an attempt at the notification, behind others to its channel, within the session's transaction."""
        job: EnqueueOptions = {
            "queue_name": NOTIFICATION,
            "workflow_name": NOTIFY,
            "workflow_id": f"notification/{notification_id}/{attempt}",
            "queue_partition_key": channel,
        }
        self._enqueue(session, job, notification_id, delay_s)

    def _enqueue(self, session: Session, job: EnqueueOptions, argument: str, delay_s: float) -> None:
        if delay_s > 0:
            job["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(session, job, argument)

    def ended_badly(self) -> Iterator[BadEnd]:
        """Yield the jobs that the engine gave up, or whose workflow itself raised."""
        for status in ("MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR", "CANCELLED"):
            for job in self._client.list_workflows(status=status, load_input=False, load_output=False):
                kind, _, rest = job.workflow_id.partition("/")
                identifier, _, attempt = rest.rpartition("/")
                yield BadEnd(kind, identifier, int(attempt) if attempt.isdecimal() else 0, status)

    def any_begun(self, session: Session, living: Select[tuple[str]]) -> bool:
        """Return whether there are jobs that executors other than `living` (a question) began and did not end."""
        return bool(session.scalar(select(exists().where(*self._begun_by_others(living)))))

    def take_back(self, session: Session, living: Select[tuple[str]]) -> int:
        """Put the jobs that executors other than `living` began back into their queues, and return how many.

        The engine gives an executor's jobs back to an executor of that name alone; those of a machine that is gone
        would wait for it for ever. The engine has no call for this in a transaction of ours; what is written here is
        what its own recovery writes (3.4), the count of recoveries is kept, and whoever still works on such a job is
        fenced: it is not its owner any more.
        """
        back = {"status": "ENQUEUED", "owner_xid": None, "started_at_epoch_ms": None}
        question = update(self._jobs).where(*self._begun_by_others(living)).values(back)
        return len(session.execute(question.returning(self._jobs.c.workflow_uuid)).all())

    def _begun_by_others(self, living: Select[tuple[str]]) -> tuple[ColumnElement[bool], ...]:
        jobs = self._jobs.c
        # A job without a queue is the engine's own.
        return jobs.status == "PENDING", jobs.queue_name.is_not(None), jobs.executor_id.not_in(living)

    def remove_ended(self, session: Session, before: datetime, limit: int) -> int:
        """Remove jobs that ended as they should before that time, at most `limit`, the oldest first; return how many.

        Nothing asks for one again: each attempt has a number of its own. Jobs that ended badly stay, as what the
        reaper asks for and as evidence. The engine has a call for this, but none in a transaction of ours.
        """
        jobs = self._jobs.c
        ended = (
            select(jobs.workflow_uuid)
            .where(jobs.status == "SUCCESS", jobs.completed_at < int(before.timestamp() * 1000))
            .order_by(jobs.completed_at, jobs.workflow_uuid)
            .limit(limit)
        )
        identifiers = session.scalars(ended).all()
        for kept in (*self._kept_of_jobs, self._jobs):
            session.execute(delete(kept).where(kept.c.workflow_uuid.in_(identifiers)))
        return len(identifiers)

    def hasten(self, now: datetime) -> int:
        """Make due at once what waits for its time and was enqueued before the clock was set back; return how many.

        The engine waits by the time of day: a retry of a few seconds would wait for as long as the clock was set back.
        """
        waiting = self._client.list_workflows(status="DELAYED", load_input=False, load_output=False)
        latest = (now + _CLOCKS_AGREE_WITHIN).timestamp() * 1000
        enqueued_later = [job for job in waiting if job.created_at is not None and job.created_at > latest]
        for job in enqueued_later:
            self._client.set_workflow_delay(job.workflow_id, delay_until_epoch_ms=0)
        return len(enqueued_later)

    def close(self) -> None:
        """Close the client's connections."""
        self._client.destroy()
