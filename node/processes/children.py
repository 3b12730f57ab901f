"""Children as their supervisor sees them: started, watched, and started anew with growing pauses."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from node.observe.processes import FailingProcess, take_end
from pipelines.contract import Reason

STARTUP_S = 90.0
"""How long a child may take until its first heartbeat; importing torch on a busy machine takes a while."""

HANG_S = 30.0
"""A child without a heartbeat for this long is killed: stopped within a transaction it would lock all others out."""

STEADY_S = 30.0
"""A child that was at work for this long did not die of its start."""

_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0

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

    def __init__(self, plan: ChildPlan, run_folder: Path, *, patience_s: float) -> None:
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


class KeptChild:
    """A child that is started again whenever it dies or hangs.

    One that was at work for a while is started again after a second. One that did not get so far, because its port is
    taken or its settings cannot be used, or that dies each time soon after, waits twice as long each time, half a
    minute at most.

    Parameters
    ----------
    plan
        What to run.
    run_folder
        Where its heartbeat and ready mark lie.
    """

    def __init__(self, plan: ChildPlan, run_folder: Path) -> None:
        self._plan = plan
        self._run_folder = run_folder
        self._starts_in_vain = 0
        self._reason: Reason | None = None
        self._dies_at_work = False
        self._again_at: float | None = None
        self._at_work_since: float | None = None
        self.child = self._start()

    @property
    def failing(self) -> FailingProcess | None:
        """What is wrong, from its second start on until it is at work, or stays so; None when nothing is."""
        dies_again = self._dies_at_work and self._starts_in_vain > 1 and not self._is_steady
        if self._reason is None or (self.child.ready and not dies_again):
            return None
        return FailingProcess(self._plan.name, self._starts_in_vain, self._reason)

    def watch(self) -> None:
        """Look once: end the child if it hangs, note its end, start it again when its pause is over."""
        if self._again_at is not None:
            if time.monotonic() >= self._again_at:
                self._again_at = None
                self.child = self._start()
            return
        if self._at_work_since is None and self.child.ready:
            self._at_work_since = time.monotonic()
        status = self.child.exit_status
        if status is None and self.child.hangs:
            _log.error("child hangs", child=self._plan.name)
            self.child.kill()
            self._note_end(Reason("process-hung", {}))
        elif status is not None:
            left = take_end(self._run_folder, self._plan.name)
            self._note_end(left or Reason("process-ended", {"process": self._plan.name, "status": status}))

    @property
    def _is_steady(self) -> bool:
        return self._at_work_since is not None and time.monotonic() - self._at_work_since >= STEADY_S

    def _start(self) -> Child:
        self._at_work_since = None
        return Child(self._plan, self._run_folder, patience_s=HANG_S)

    def _note_end(self, reason: Reason) -> None:
        _log.error("child died", child=self._plan.name, status=str(self.child.exit_status), reason=reason.code)
        self._dies_at_work = self.child.ready
        if self._dies_at_work and self._is_steady:
            self._starts_in_vain, self._reason = 0, None
        else:
            self._starts_in_vain, self._reason = self._starts_in_vain + 1, reason
        self._again_at = time.monotonic() + restart_pause(self._starts_in_vain)


def restart_pause(starts_in_vain: int) -> float:
    """Return how long to wait, in seconds, after so many starts in a row that came to no work."""
    return min(_PAUSE_S * 2.0 ** max(starts_in_vain - 1, 0), _LONGEST_PAUSE_S)
