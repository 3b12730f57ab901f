"""What every child process does around its work: lifeline, heartbeat, one at a time, the right schema."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import structlog

from node.errors import NodeError, Transient
from node.observe.processes import write_end
from pipelines.contract import Reason

HEARTBEAT_S = 0.5
_LOCK_WAIT_S = 15.0

_log = structlog.get_logger(__name__)


class Lifeline:
    """Tells a child when to stop: on SIGTERM in good order, and at once when its supervisor is gone.

    The supervisor holds the other end of the child's standard input. When it dies, however it dies, reading
    ends, and the child must go: a second supervisor may already be starting its own children.
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        signal.signal(signal.SIGTERM, self._on_signal)
        # The terminal's Ctrl-C reaches every process of the group; the supervisor decides, not each child.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def wait(self) -> None:
        """Wait until the child is to stop."""
        # A signal that the kernel gives to another thread wakes nobody: its handler runs when this thread next does.
        while not self._stop.wait(1.0):
            pass

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stop.set()

    def _watch(self) -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        _log.warning("supervisor gone")
        os._exit(1)


class Heartbeat:
    """Writes a growing number into a file, so that the supervisor sees a child that hangs or was stopped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def _beat(self) -> None:
        beat = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        count = 0
        while True:
            count += 1
            # Written over and never cut, it needs no room: on a full disk a process at work must not look dead.
            with suppress(OSError):
                os.pwrite(beat, b"%020d" % count, 0)
            time.sleep(HEARTBEAT_S)


@contextmanager
def alone(file: Path, *, wait_s: float = _LOCK_WAIT_S) -> Iterator[None]:
    """Hold an exclusive lock on `file` within the block, waiting for a predecessor that is still dying.

    Raises
    ------
    Transient
        ``already-running`` when another process holds it for longer than `wait_s`.
    """
    with file.open("w") as stream:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Transient("already-running", lock=str(file)) from None
                time.sleep(0.05)
        yield


def run_child(name: str, run_folder: Path, start: Callable[[], Callable[[], None]]) -> None:
    """Run one child process until it is told to stop.

    Parameters
    ----------
    name
        The process's name.
    run_folder
        Where its lock, heartbeat and ready mark lie.
    start
        Starts the work and returns what stops it in good order.
    """
    lifeline = Lifeline()
    # For whoever asks where a child stands (docs/extending.md): all threads' stacks, to standard error, and it goes on.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    with alone(run_folder / f"{name}.lock"):
        Heartbeat(run_folder / f"{name}.beat")
        try:
            stop = start()
        except Exception as why:  # whoever started it should know, and it ends all the same
            write_end(run_folder, name, _reason_of(why))
            raise
        (run_folder / f"{name}.ready").write_text(str(os.getpid()))
        _log.info("ready", process=name)
        lifeline.wait()
        _log.info("stopping", process=name)
        stop()


def end_at_once(run_folder: Path, name: str, reason: Reason) -> None:
    """End this process, whatever it is doing, and leave word why; its supervisor starts it anew."""
    write_end(run_folder, name, reason)
    os._exit(1)


def _reason_of(why: Exception) -> Reason:
    return why.reason if isinstance(why, NodeError) else Reason("process-crashed", {"error": type(why).__name__})
