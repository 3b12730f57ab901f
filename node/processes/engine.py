"""The engine process: receipts into the catalogue, settling and routing, deliveries, and what died unnoticed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from node.actor import Actor
from node.archive.ingest import BATCH, Ingest
from node.composition import Node
from node.database import check_revision
from node.jobs.dbos_process import DbosProcess, Slots
from node.jobs.queue import DELIVERY, NOTIFICATION
from node.machines.keeper import LeaseKeeper
from node.observe.logs import configure_logging
from node.processes.child import end_at_once, run_child
from node.processes.timers import Timers
from node.routing.early import EarlyOrders
from node.routing.router import Router
from node.settings import load_settings
from node.workflows.pruning import Pruning
from node.workflows.reaper import Reaper
from node.workflows.waiting import WaitingRuns
from node.workflows.workflows import register_delivery, register_notification

NAME = "engine"
INTAKE_EVERY_S = 1.0
REAP_EVERY_S = 15.0
REQUEUE_EVERY_S = 5.0
WATCH_EVERY_S = 60.0
PRUNE_EVERY_S = 3600.0
DELIVERY_SLOTS = Slots(per_partition=1)
"""One association a destination at one time, however many destinations there are."""
NOTIFICATION_SLOTS = Slots(per_partition=1)
"""A channel that does not answer holds up no other."""


def start(node: Node) -> Callable[[], None]:
    """Start the engine's work and return what stops it."""
    check_revision(node.database)
    router, ingest = node.router, node.ingest
    actor = Actor.service(NAME, node.machine.name)
    node.routing.retry_failed(actor)
    reaper = Reaper(
        node.database,
        node.queue,
        node.release_service,
        node.sender,
        node.notification_sender,
        node.clock,
        actor,
    )

    lease = node.lease(NAME)
    lease.take()
    keeper = LeaseKeeper(lease, partial(end_at_once, node.layout.run, NAME))
    keeper.start()
    register_delivery(node.sender)
    register_notification(node.notification_sender)
    queues = {DELIVERY: DELIVERY_SLOTS, NOTIFICATION: NOTIFICATION_SLOTS}
    jobs = DbosProcess(node.database.url, lease.executor, queues)
    jobs.launch()
    pruning = Pruning(node.trail, node.queue, node.clock, node.settings.keep)
    waiting = WaitingRuns(node.database, node.queue, node.admission)
    timers = Timers(
        {
            partial(take_in, ingest, router, node.early_orders): INTAKE_EVERY_S,
            reaper.reap: REAP_EVERY_S,
            waiting.requeue: REQUEUE_EVERY_S,
            node.watch.look: WATCH_EVERY_S,
            node.watch.call_destinations: node.settings.watch.echo_minutes * 60,
            pruning.prune: PRUNE_EVERY_S,
        }
    )
    timers.start()

    def stop() -> None:
        timers.stop()
        jobs.stop()
        keeper.stop()

    return stop


def take_in(ingest: Ingest, router: Router, early: EarlyOrders) -> None:
    """Take in the receipts that wait, then settle, then order what may begin before its study has settled.

    A study must not settle while receipts of it wait to be read.
    A batch that is not full has read all that there was. To go on until nothing comes would keep every study from
    settling for as long as anybody sends.
    """
    while ingest.step() >= BATCH:
        pass
    router.settle_due()
    early.order_due()


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
