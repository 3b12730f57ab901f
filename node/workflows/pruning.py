"""Jobs that ended long ago are removed from the engine's tables: a tick of the engine process."""

from __future__ import annotations

from datetime import datetime, timedelta

from node.actor import Actor
from node.audit import AuditCode, AuditEvent, AuditTrail
from node.clock import Clock
from node.jobs.queue import JobQueue
from node.settings import KeepSection

_BATCH = 500
"""Jobs that are removed in one transaction: others wait for it."""

_PRUNING = Actor.timer("pruning")


class Pruning:
    """Removes what nothing needs any more, and counts it in the audit trail.

    Journals stay: `synthnode archive rebuild` reads from them who sent what.

    Parameters
    ----------
    trail, queue, clock
        The node's parts.
    keep
        How long is kept what.
    """

    def __init__(self, trail: AuditTrail, queue: JobQueue, clock: Clock, keep: KeepSection) -> None:
        self._trail = trail
        self._queue = queue
        self._clock = clock
        self._keep = keep

    def prune(self) -> int:
        """Remove jobs that ended longer ago than they are kept, batch by batch; return how many."""
        before = self._clock.now() - timedelta(days=self._keep.jobs_days)
        removed = 0
        while True:
            with self._trail.recording() as recording:
                count = self._queue.remove_ended(recording.session, before, _BATCH)
                if count:
                    recording.record(_removed(count, before))
            removed += count
            if count < _BATCH:
                return removed


def _removed(count: int, before: datetime) -> AuditEvent:
    return AuditEvent(AuditCode.JOBS_REMOVED, _PRUNING, details={"count": count, "before": before.isoformat()})
