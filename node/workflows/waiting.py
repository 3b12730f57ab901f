"""Runs that wait because of a pause or the hours are queued again when they may start: a tick of the engine."""

from __future__ import annotations

import structlog
from sqlalchemy import select

from node.database import Database, change_state
from node.errors import Transient
from node.jobs.queue import JobQueue
from node.runs.admission import Admission
from node.runs.tables import RunRow
from node.states import RunState

_log = structlog.get_logger(__name__)


class WaitingRuns:
    """Queues waiting runs again.

    Parameters
    ----------
    database, queue, admission
        The node's parts.
    """

    def __init__(self, database: Database, queue: JobQueue, admission: Admission) -> None:
        self._database = database
        self._queue = queue
        self._admission = admission

    def requeue(self) -> int:
        """Queue again what may start now, the one that is due first before others; return how many.

        The clock and the settings are asked anew each time: a clock that was set, a summer time that began and hours
        that an administrator changed need nothing of their own.
        """
        with self._database.read() as session:
            question = select(RunRow.run_id).where(RunRow.state == RunState.WAITING).order_by(RunRow.due, RunRow.run_id)
            waiting = session.scalars(question).all()
        return sum(self._requeue(run_id) for run_id in waiting)

    def _requeue(self, run_id: str) -> bool:
        try:
            with self._database.write() as session:
                run = session.get_one(RunRow, run_id)
                if run.state != RunState.WAITING:
                    return False
                against = self._admission.reason_against(session, run)
                if against is not None:
                    # The pause ended in the daytime: what keeps it from starting now is another thing.
                    run.reason_code, run.reason_parameters = against.code, dict(against.parameters)
                    return False
                change_state(session, run, RunState.QUEUED)
                run.reason_code = run.reason_parameters = None
                run.attempts += 1
                self._queue.enqueue_run(session, run_id, run.due, attempt=run.attempts)
                return True
        except Transient as why:  # a person cancelled it at this moment, or the study changed
            _log.info("run not queued again", run=run_id, reason=why.reason.code)
            return False
