"""A compute worker: one process for one device, which takes one run at a time and keeps its models warm."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from node.actor import Actor
from node.composition import Node
from node.database import check_revision
from node.errors import SettingsError
from node.jobs.dbos_process import DbosProcess, Slots
from node.jobs.queue import INFERENCE
from node.machines.keeper import LeaseKeeper
from node.observe.logs import configure_logging
from node.processes.child import end_at_once, run_child
from node.settings import load_settings
from node.workflows.workflows import register_synthesis
from pipelines.installed import declarations

_log = structlog.get_logger(__name__)


def start(node: Node, name: str, device: str) -> Callable[[], None]:
    """Start taking runs and return what stops it."""
    check_revision(node.database)
    node.shared.check_current(node.version)
    lease = node.lease(name)
    lease.take()
    keeper = LeaseKeeper(lease, partial(end_at_once, node.layout.run, name))
    keeper.start()
    computation = node.computation(device)
    ordered = _ordered(node)
    for problem in computation.warm(one for name, one in declarations().items() if name in ordered):
        # A model that cannot be used fails its own runs, by name; others must still run.
        _log.warning("model not warm", reason=getattr(problem, "code", type(problem).__name__))
    actor = Actor.service(name, node.machine.name)
    register_synthesis(computation, node.results, node.release_service, actor)
    jobs = DbosProcess(node.database.url, lease.executor, {INFERENCE: Slots(at_once=1)})
    jobs.launch()

    def stop() -> None:
        jobs.stop()
        keeper.stop()

    return stop


def _ordered(node: Node) -> set[str]:
    """Return the pipelines that the rules in force order; none while these cannot be used, as the engine says."""
    try:
        return {rule.pipeline for rule in node.active_rules.read().ruleset.rules}
    except SettingsError:
        return set()


def main() -> None:
    """Run the process; called by the supervisor."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--name", required=True)
    parser.add_argument("--device", required=True)
    options = parser.parse_args()
    node = Node(load_settings(options.config, data=options.data))
    configure_logging(options.name, node.layout.logs)
    run_child(options.name, node.layout.run, lambda: start(node, options.name, options.device))


if __name__ == "__main__":
    main()
