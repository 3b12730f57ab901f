"""A receiver as a process of its own, for tests that trace or kill it: ``receiver_process.py FOLDER [--without WHAT]``.

It prints its port and runs until it is ended. ``--without`` leaves out one flush, so that a test can show that it
would be missed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FLUSHES = ("file", "folder", "journal")


@dataclass(frozen=True, slots=True)
class RunningReceiver:
    """A receiver that was started, and the port that it listens on."""

    process: subprocess.Popen[str]
    port: int

    def end(self, signal_number: int = signal.SIGKILL) -> None:
        """End it by the signal, with what it was started under, and wait."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal_number)
        self.process.wait(20)


def started(root: Path, *, under: Sequence[str] = (), without: str = "") -> RunningReceiver:
    """Start a receiver that keeps below `root`, perhaps under a tracer, and wait until it listens."""
    command = [*under, sys.executable, __file__, str(root), *(["--without", without] if without else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.strip().isdigit(), f"the receiver did not start: {line!r}"
    return RunningReceiver(process, int(line))


def _leave_out(what: str) -> None:
    real_fdatasync, real_fsync = os.fdatasync, os.fsync

    def unless(part: str, real: Callable[[Any], None]) -> Callable[[Any], None]:
        def call(descriptor: Any) -> None:
            if part not in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
                real(descriptor)

        return call

    if what == "folder":
        vars(os)["fsync"] = unless("/archive/", real_fsync)
    else:
        vars(os)["fdatasync"] = unless({"file": "/staging/", "journal": "/journal/"}[what], real_fdatasync)


def main() -> None:
    """Run until ended."""
    from node.clock import SystemClock
    from node.receive.admission import Admission
    from node.receive.limits import ConnectionLimits
    from node.receive.reception import ReceiveOptions, Reception

    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--without", choices=FLUSHES)
    arguments = parser.parse_args()
    if arguments.without:
        _leave_out(arguments.without)
    root = arguments.root
    options = ReceiveOptions(
        name="receive",
        machine="local",
        archive=root / "archive",
        journal=root / "journal",
        host="127.0.0.1",
        port=0,
        admission=Admission("SYNTHNODE", (), 20),
        limits=ConnectionLimits(),
        commitments=root / "commitments",
    )
    print(Reception.open(options, SystemClock()).port, flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
