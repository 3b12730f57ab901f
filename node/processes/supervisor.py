"""The supervisor: one a data folder. It migrates, spawns the children, and restarts those that die or hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import structlog

from node.actor import Actor
from node.audit import AuditCode, AuditEvent
from node.composition import Node
from node.database import migrate
from node.errors import Permanent
from node.processes.child import alone

STARTUP_S = 90.0
"""How long a child may take until its first heartbeat; importing torch on a busy machine takes a while."""

HANG_S = 30.0
"""A child without a heartbeat for this long is killed: stopped within a transaction it would lock all others out."""

_WATCH_S = 0.2
_GRACE_S = 10.0
_RESTART_PAUSE_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A child to run: its name and its command after ``python -m``."""

    name: str
    arguments: tuple[str, ...]


class Child:
    """A running child process, watched from outside.

    Parameters
    ----------
    plan
        What to run.
    run_folder
        Where its heartbeat and ready mark lie.
    patience_s
        A heartbeat that stands still for longer means that it hangs.
    """

    def __init__(self, plan: ChildPlan, run_folder: Path, *, patience_s: float = HANG_S) -> None:
        self.plan = plan
        self._patience_s = patience_s
        self._beat = run_folder / f"{plan.name}.beat"
        self._ready = run_folder / f"{plan.name}.ready"
        self._beat.unlink(missing_ok=True)
        self._ready.unlink(missing_ok=True)
        self._last = ""
        self._changed_at = time.monotonic()
        # Standard input is the child's lifeline: it ends when this process does.
        self._process = subprocess.Popen(  # noqa: S603 (our own modules)
            [sys.executable, "-m", *plan.arguments], stdin=subprocess.PIPE, start_new_session=False
        )

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    @property
    def ready(self) -> bool:
        """Whether it has said that it is at work."""
        return self._ready.exists()

    @property
    def exit_status(self) -> int | None:
        """Its exit status, None while it runs."""
        return self._process.poll()

    @property
    def hangs(self) -> bool:
        """Whether its heartbeat has stood still for too long, on this process's own monotonic clock."""
        try:
            beat = self._beat.read_text()
        except FileNotFoundError:
            beat = ""
        if beat != self._last:
            self._last, self._changed_at = beat, time.monotonic()
        return time.monotonic() - self._changed_at > (self._patience_s if self._last else STARTUP_S)

    def ask_to_stop(self) -> None:
        """Ask it to stop in good order."""
        self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; say whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()


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
        self._written_pids: dict[str, int] = {}

    def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises
        ------
        Transient
            ``already-running``: another node has this data folder.
        Permanent
            ``database-missing``: there are files, but no database; it must be rebuilt, not begun anew.
            ``rebuild-unfinished``: a rebuild was begun and cut short.
        """
        self._node.layout.make()
        with alone(self._node.layout.data / "node.lock", wait_s=2.0):
            _refuse_lost_database(self._node)
            migrate(self._node.database)
            self._node.results.sweep()
            # What cannot work must be said here, once and in words, not by children that die in a circle.
            _ = self._node.router
            self._record(AuditCode.NODE_STARTED)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
            children = [Child(plan, self._node.layout.run) for plan in self._plans]
            try:
                self._watch(children)
            finally:
                _stop_all(children)
                self._record(AuditCode.NODE_STOPPED)

    def _watch(self, children: list[Child]) -> None:
        announced = False
        while not self._stop.wait(_WATCH_S):
            self._write_pids(children)
            for index, child in enumerate(children):
                status = child.exit_status
                if status is None and not child.hangs:
                    continue
                if status is None:
                    _log.error("child hangs", child=child.plan.name)
                    child.kill()
                _log.error("child died", child=child.plan.name, status=str(status))
                self._stop.wait(_RESTART_PAUSE_S)
                children[index] = Child(child.plan, self._node.layout.run)
            if not announced and all(child.ready for child in children):
                announced = True
                self._announce()

    def _write_pids(self, children: Sequence[Child]) -> None:
        pids = {"supervisor": os.getpid(), **{child.plan.name: child.pid for child in children}}
        if pids == self._written_pids:
            return
        file = self._node.layout.run / "processes.json"
        staged = file.with_suffix(".new")
        # A full disk must not end the node: its receiver tells senders to try again later. So does this list.
        with suppress(OSError):
            staged.write_text(json.dumps({"schema": 1, "pids": pids}))
            staged.replace(file)
            self._written_pids = pids

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


def _refuse_lost_database(node: Node) -> None:
    """Refuse to begin an empty database beside an archive: every study would be received and run again."""
    if node.layout.unfinished_rebuild.exists():
        raise Permanent("rebuild-unfinished", data=str(node.layout.data))
    if not node.layout.database.exists() and any(node.layout.journal.iterdir()):
        raise Permanent("database-missing", database=str(node.layout.database), data=str(node.layout.data))


def _stop_all(children: Sequence[Child]) -> None:
    for child in children:
        if child.exit_status is None:
            child.ask_to_stop()
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            child.kill()
