"""The supervisor: one a data folder. It migrates, spawns the children, and restarts those that die or hang."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

import structlog

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.composition import Node
from node.database import is_migrated, migrate
from node.errors import Permanent, SettingsError
from node.observe.processes import Processes, write_processes
from node.processes.child import alone
from node.processes.children import Child, ChildPlan, KeptChild

_WATCH_S = 0.2
_GRACE_S = 10.0

_log = structlog.get_logger(__name__)


class Supervisor:
    """Runs a node's processes until it is told to stop.

    Parameters
    ----------
    node
        The node.
    config
        The settings file that the children read, if any.
    announce
        Called once, when every child is ready.
    """

    def __init__(self, node: Node, config: Path | None, announce: Callable[[], None]) -> None:
        self._node = node
        self._announce = announce
        self._plans = _plans(node, config)
        self._stop = threading.Event()
        self._written: Processes | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises
        ------
        Transient
            ``already-running``: another node has this data folder. ``database-in-use``: another one has the database.
        Permanent
            ``database-missing``: there are files, but no database; it must be rebuilt, not begun anew.
            ``rebuild-unfinished``: a rebuild was begun and cut short.
        """
        self._node.layout.make()
        with alone(self._node.layout.data / "node.lock", wait_s=2.0), self._node.database.alone():
            _check_database_kept(self._node)
            migrate(self._node.database)
            self._node.results.sweep()
            # What cannot work must be said here, once and in words, not by children that die in a circle.
            self._check_rules()
            self._record(AuditCode.NODE_STARTED)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
            children = [KeptChild(plan, self._node.layout.run) for plan in self._plans]
            try:
                self._watch(children)
            finally:
                _stop_all([kept.child for kept in children])
                self._record(AuditCode.NODE_STOPPED)

    def _check_rules(self) -> None:
        """Seed the rules at the first start; say later when the active version cannot be used: studies wait then."""
        node = self._node
        node.packages()
        node.rules.seed(node.settings.rules_file)
        try:
            node.active_rules.read()
        except SettingsError as why:
            _log.error("rules cannot be used", reason=why.reason.code)

    def _watch(self, children: Sequence[KeptChild]) -> None:
        announced = False
        while not self._stop.wait(_WATCH_S):
            self._write_list(children)
            for kept in children:
                kept.watch()
            if not announced and all(kept.child.ready for kept in children):
                announced = True
                self._announce()

    def _write_list(self, children: Sequence[KeptChild]) -> None:
        pids = {"supervisor": os.getpid(), **{kept.child.plan.name: kept.child.pid for kept in children}}
        processes = Processes(pids, tuple(kept.failing for kept in children if kept.failing is not None))
        if processes == self._written:
            return
        # A full disk must not end the node: its receiver tells senders to try again later. So does this list.
        with suppress(OSError):
            write_processes(self._node.layout.run, processes)
            self._written = processes

    def _record(self, code: AuditCode) -> None:
        with self._node.trail.recording() as recording:
            recording.record(AuditEvent(code, Actor.service("supervisor")))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()


def _plans(node: Node, config: Path | None) -> tuple[ChildPlan, ...]:
    common = ["--data", str(node.settings.data)]
    if config is not None:
        common += ["--config", str(config)]
    workers = [
        ChildPlan(name, ("node.processes.worker", "--name", name, "--device", device, *common))
        for name, device in node.settings.compute.workers.items()
    ]
    return (
        ChildPlan("receive", ("node.processes.receive", *common)),
        ChildPlan("engine", ("node.processes.engine", *common)),
        *workers,
    )


def _check_database_kept(node: Node) -> None:
    """Refuse to begin an empty database beside an archive: every study would be received and run again."""
    if node.layout.unfinished_rebuild.exists():
        raise Permanent("rebuild-unfinished", data=str(node.layout.data))
    if not is_migrated(node.database) and any(node.layout.journal.iterdir()):
        raise Permanent("database-missing", database=node.database.name, data=str(node.layout.data))


def _stop_all(children: Sequence[Child]) -> None:
    for child in children:
        if child.exit_status is None:
            child.ask_to_stop()
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            child.kill()
