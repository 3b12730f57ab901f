"""The two workflows. Arguments are identifiers; all input and output sits in steps that may run twice.

One workflow is one attempt: whoever has to wait enqueues the next attempt with a delay in the transaction that
says why, so that no waiting holds a slot, and none pins a version of this code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import structlog
from dbos import DBOS

from node.actor import Actor
from node.database import is_database_trouble
from node.deliver.sender import DeliverySender
from node.errors import NodeError, Transient
from node.jobs.queue import DELIVER, NOTIFY, SYNTHESISE
from node.notify.sender import NotificationSender
from node.observe.logs import following
from node.release.service import ReleaseService
from node.runs.computation import Computation
from node.runs.results import Results
from pipelines.contract import Reason
from pipelines.errors import PipelineError

_RECOVERIES = 25
"""After this many deaths in the middle of one job the job itself is suspected, and ends by name."""


class _Retries(TypedDict):
    retries_allowed: bool
    interval_seconds: float
    max_attempts: int
    should_retry: Callable[[BaseException], bool]


def _passing(problem: BaseException) -> bool:
    return isinstance(problem, Transient) or is_database_trouble(problem)


_PATIENT = _Retries(retries_allowed=True, interval_seconds=2.0, max_attempts=8, should_retry=_passing)
"""A step is done again, for four minutes in all, when the database was locked, away or read-only, the disk full or the
row's state changed by another meanwhile: it may run twice."""

_log = structlog.get_logger(__name__)


def register_synthesis(computation: Computation, results: Results, release: ReleaseService, worker: Actor) -> None:
    """Register the workflow of a run with the engine of this process (a compute worker)."""

    @DBOS.step(name="compute_and_keep", **_PATIENT)
    def compute_and_keep(run_id: str) -> None:
        with following(*computation.traced(run_id)):
            compute(run_id)

    def compute(run_id: str) -> None:
        try:
            computation.compute_and_keep(run_id, worker)
        except Transient as problem:
            _log.warning("run waits", run=run_id, reason=problem.reason.code)
            release.postpone(run_id, problem.reason, worker)
        except (NodeError, PipelineError) as problem:
            _log.warning("run failed", run=run_id, reason=problem.reason.code)
            release.fail(run_id, problem.reason, worker)
        except Exception as problem:
            if is_database_trouble(problem):
                raise
            # Whatever it was, the run must end by name; the log has the trace.
            _log.exception("run crashed", run=run_id)
            release.fail(run_id, Reason("run-crashed", {"error": type(problem).__name__}), worker)

    @DBOS.step(name="hold", **_PATIENT)
    def hold(run_id: str) -> None:
        manifest = results.kept(run_id)
        if manifest is not None:
            release.hold(manifest, worker)

    @DBOS.workflow(name=SYNTHESISE, max_recovery_attempts=_RECOVERIES)
    def synthesise(run_id: str) -> None:
        compute_and_keep(run_id)
        hold(run_id)


def register_delivery(sender: DeliverySender) -> None:
    """Register the workflow of a delivery with the engine of this process (the engine)."""

    @DBOS.step(name="attempt", **_PATIENT)
    def attempt(delivery_id: str) -> None:
        sender.attempt(delivery_id)

    @DBOS.workflow(name=DELIVER, max_recovery_attempts=_RECOVERIES)
    def deliver(delivery_id: str) -> None:
        attempt(delivery_id)


def register_notification(sender: NotificationSender) -> None:
    """Register the workflow of a notification with the engine of this process (the engine)."""

    @DBOS.step(name="notify", **_PATIENT)
    def attempt(notification_id: str) -> None:
        sender.attempt(notification_id)

    @DBOS.workflow(name=NOTIFY, max_recovery_attempts=_RECOVERIES)
    def notify(notification_id: str) -> None:
        attempt(notification_id)
