"""One process of the job engine: who it is, which queues it listens to. The engine's settings stand here only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dbos import DBOS, DBOSPortableJSONSerializer, _workflow_commands

from node.jobs.queue import APPLICATION_VERSION

_POLL_S = 2.0
"""How often a queue is looked at: a run takes many times as long, and an idle node shall cost next to nothing."""

_DELAYED_POLL_S = 3.0
"""How often the engine looks whether a job that waits for its time is due: a retry may come that much later."""

_SELDOM_S = 60.0
"""How often the engine looks for what nothing here uses."""


@dataclass(frozen=True, slots=True)
class Slots:
    """How many jobs of a queue this process takes at one time.

    Attributes
    ----------
    at_once
        Of the whole queue; None: as many as there are partitions.
    per_partition
        Of one partition of a partitioned queue; None when the queue has none.
    """

    at_once: int | None = None
    per_partition: int | None = None


class DbosProcess:
    """The engine in this process. Workflows must be registered before `launch`.

    Parameters
    ----------
    url
        The application's database.
    executor
        This process's own name: after a restart under the same name it takes its unfinished jobs up again.
    queues
        The queues that it listens to, each with its slots.
    """

    def __init__(self, url: str, executor: str, queues: Mapping[str, Slots]) -> None:
        self._queues = queues
        engine = DBOS(
            config={
                "name": "synthnode",
                "system_database_url": url,
                "executor_id": executor,
                # Its default hashes the source: after an upgrade pending jobs would stay for ever.
                "application_version": APPLICATION_VERSION,
                # Its default is pickle: whoever writes the database could run code here.
                "serializer": DBOSPortableJSONSerializer(),
                # The supervisor migrated before it spawned this process.
                "run_migrations": False,
                # Nothing here sends messages to workflows or schedules them by the engine: these are looked for seldom.
                "notification_listener_polling_interval_sec": _SELDOM_S,
                "scheduler_polling_interval_sec": 3600.0,
                "log_level": "WARNING",
            }
        )
        # The engine's queue for itself, where nothing of ours ever is, has no setting: it is looked at each second.
        engine._registry.get_internal_queue()._polling_interval_sec = _SELDOM_S
        # Nor has this one: each second, in each process, it would be half of what an idle node costs.
        _workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = _DELAYED_POLL_S

    def launch(self) -> None:
        """Start listening; unfinished jobs of this executor are taken up first."""
        DBOS.listen_queues(list(self._queues))
        DBOS.launch()
        for queue, slots in self._queues.items():
            DBOS.register_queue(
                queue,
                worker_concurrency=slots.at_once,
                partition_worker_concurrency=slots.per_partition,
                polling_interval_sec=_POLL_S,
                on_conflict="always_update",
            )

    def stop(self) -> None:
        """Stop listening; a job in the middle is taken up after the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=0)
