"""What a process does again and again: each by a thread of its own, on the monotonic clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import structlog

_log = structlog.get_logger(__name__)


class Timers:
    """Calls functions at fixed pauses until it is stopped.

    A pause is counted from the end of a call, and by the monotonic clock: one that was set back an hour would keep a
    timer by the time of day waiting for an hour.

    Parameters
    ----------
    pauses_s
        Pause in seconds by function. One that raises is logged and called again after its pause.
    """

    def __init__(self, pauses_s: Mapping[Callable[[], object], float]) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(act, pause), name="timer", daemon=True)
            for act, pause in pauses_s.items()
        ]

    def start(self) -> None:
        """Start calling; the first calls come after their pauses."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop calling, and wait for the end of what was called."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, act: Callable[[], object], pause_s: float) -> None:
        while not self._stop.wait(pause_s):
            try:
                act()
            except Exception:
                _log.exception("timer failed")
