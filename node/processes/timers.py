"""What a process does again and again: APScheduler ticks, and a clock that is set back stops no tick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

_WATCH_S = 1.0
_TOLERATED_S = 1.0
"""Time servers move a clock by less than this, and less delays no tick noticeably."""

_log = structlog.get_logger(__name__)


class Timers:
    """Calls functions at fixed intervals until it is stopped; none of them twice at one time.

    APScheduler waits for a time of day. Where the clock was set back an hour, it would wait for an hour: so the clock
    is held against the monotonic one, and where it went back every tick is due at once.

    Parameters
    ----------
    intervals_s
        Interval in seconds by function. One that raises is logged and called again.
    watch_s
        How often the clock is looked at.
    """

    def __init__(self, intervals_s: Mapping[Callable[[], object], float], watch_s: float = _WATCH_S) -> None:
        self._watch_s = watch_s
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="clock-watch", daemon=True)
        self._scheduler = BackgroundScheduler(timezone="UTC")
        for act, seconds in intervals_s.items():
            self._scheduler.add_job(
                _logged(act), "interval", seconds=seconds, max_instances=1, coalesce=True, misfire_grace_time=None
            )

    def start(self) -> None:
        """Start calling; the first calls come after their intervals."""
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Stop calling, and wait for the end of what was called."""
        self._stop.set()
        self._watch.join()
        self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        ahead = _clock_ahead()
        while not self._stop.wait(self._watch_s):
            before, ahead = ahead, _clock_ahead()
            if ahead < before - _TOLERATED_S:
                _log.warning("clock set back", seconds=round(before - ahead, 1))
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=datetime.now(UTC))


def _clock_ahead() -> float:
    """Return how far the time of day is ahead of the monotonic clock, in seconds."""
    return datetime.now(UTC).timestamp() - time.monotonic()


def _logged(act: Callable[[], object]) -> Callable[[], None]:
    """Return `act` so that a failure is logged and the next call comes nevertheless."""

    def guarded() -> None:
        try:
            act()
        except Exception:
            _log.exception("timer failed")

    return guarded
