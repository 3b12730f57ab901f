"""The supervisor of a machine: it spawns the children, watches them, and restarts those that die or hang."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from node.observe.processes import Processes, write_processes
from node.processes.children import Child, ChildPlan, KeptChild

_WATCH_S = 0.2
_GRACE_S = 10.0


class Supervisor:
    """Runs the processes of a machine until it is told to stop.

    Parameters
    ----------
    run_folder
        Where the processes' locks, heartbeats and ready marks lie.
    plans
        The children.
    announce
        Called once, when every child is ready.
    """

    def __init__(self, run_folder: Path, plans: Sequence[ChildPlan], announce: Callable[[], None]) -> None:
        self._run_folder = run_folder
        self._plans = plans
        self._announce = announce
        self._stop = threading.Event()
        self._written: Processes | None = None

    def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        children = [KeptChild(plan, self._run_folder) for plan in self._plans]
        try:
            self._watch(children)
        finally:
            _stop_all([kept.child for kept in children])

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
            write_processes(self._run_folder, processes)
            self._written = processes

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()


def _stop_all(children: Sequence[Child]) -> None:
    for child in children:
        if child.exit_status is None:
            child.ask_to_stop()
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            child.kill()
