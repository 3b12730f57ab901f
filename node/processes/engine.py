"""The engine process: receipts into the catalogue, settling and routing, deliveries, and what died unnoticed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from node.actor import Actor
from node.composition import Node
from node.database.migrate import refuse_other_revision
from node.jobs.dbos_process import DbosProcess
from node.jobs.queue import DELIVERY
from node.jobs.reaper import Reaper
from node.jobs.workflows import register_delivery
from node.observe.logs import configure_logging
from node.processes.child import run_child
from node.settings import load_settings

NAME = "engine"
INTAKE_EVERY_S = 0.25
REAP_EVERY_S = 5.0
DELIVERIES_AT_ONCE = 8

_log = structlog.get_logger(__name__)


def start(node: Node) -> Callable[[], None]:
    """Start the engine's work and return what stops it."""
    refuse_other_revision(node.database)
    router, ingest = node.router, node.ingest
    reaper = Reaper(node.database, node.queue, node.desk, node.sender, Actor.service(NAME))

    def take_in() -> None:
        # A study must not settle while receipts of it wait to be read: first drain, then settle.
        while ingest.step():
            pass
        router.settle_due()

    register_delivery(node.sender)
    jobs = DbosProcess(node.database.url, NAME, {DELIVERY: DELIVERIES_AT_ONCE})
    jobs.launch()
    timers = BackgroundScheduler(timezone="UTC")
    for tick, seconds in ((take_in, INTAKE_EVERY_S), (reaper.reap, REAP_EVERY_S)):
        timers.add_job(_logged(tick), "interval", seconds=seconds, max_instances=1, coalesce=True)
    timers.start()

    def stop() -> None:
        timers.shutdown(wait=True)
        jobs.stop()

    return stop


def _logged(tick: Callable[[], object]) -> Callable[[], None]:
    """Return `tick` so that a failure is logged and the next tick comes nevertheless."""

    def guarded() -> None:
        try:
            tick()
        except Exception:
            _log.exception("tick failed")

    return guarded


def main() -> None:
    """Run the process; called by the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    node = Node(load_settings(options.config, data=options.data))
    configure_logging(NAME, node.layout.logs)
    run_child(NAME, node.layout.run, lambda: start(node))


if __name__ == "__main__":
    main()
