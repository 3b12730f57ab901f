"""Timers: a call after each pause whatever the time of day does, and none left in the middle at the end."""

from __future__ import annotations

import threading
import time
from datetime import datetime, tzinfo

import pytest

from node.processes.timers import Timers


@pytest.mark.hazard("HAZ-11")
def test_a_clock_that_was_set_back_stops_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    class SetBack(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> SetBack:
            return cls.fromtimestamp(time.time() - 3600, tz)

    called = threading.Semaphore(0)
    timers = Timers({called.release: 0.05}, watch_s=0.05)
    timers.start()
    try:
        assert called.acquire(timeout=5)
        for module in ("apscheduler.schedulers.base", "node.processes.timers"):
            monkeypatch.setattr(f"{module}.datetime", SetBack)
        while called.acquire(blocking=False):
            pass
        assert all(called.acquire(timeout=5) for _ in range(4))
    finally:
        timers.stop()


def test_what_raises_is_called_again_and_holds_up_no_other() -> None:
    failed, other = threading.Semaphore(0), threading.Semaphore(0)

    def fail() -> None:
        failed.release()
        raise ValueError

    timers = Timers({fail: 0.02, other.release: 0.02})
    timers.start()
    assert all(one.acquire(timeout=5) for one in (failed, other) for _ in range(2))
    timers.stop()


def test_stopping_waits_for_the_call_in_the_middle() -> None:
    begun, ended = threading.Event(), threading.Event()

    def act() -> None:
        begun.set()
        time.sleep(0.1)
        ended.set()

    timers = Timers({act: 0.01})
    timers.start()
    assert begun.wait(5)
    timers.stop()
    assert ended.is_set()
