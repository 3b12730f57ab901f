"""Stopping a run when it is asked to: the step is finished and kept, and the run goes on from there another day."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

Asked = Callable[[], int]
"""Returns the number of the signal by which a run was asked to stop; 0 while nobody asked."""

Stopper = Callable[[], AbstractContextManager[Asked]]
"""Listens while its context is open, and tells what it has heard."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what ``kill``, a service manager or a batch system sends first."""


def unstoppable() -> AbstractContextManager[Asked]:
    """Listen to nobody: signals do what they did before."""
    return nullcontext(never)


def never() -> int:
    """Return that nobody asked."""
    return 0


@contextmanager
def on_signals() -> Iterator[Asked]:
    """Take the first of `SIGNALS` as a request, and let the second do what it did before; main thread only."""
    heard = 0
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            restore()
            os.kill(os.getpid(), number)
        heard = heard or number

    for number in SIGNALS:
        signal.signal(number, hear)
    try:
        yield lambda: heard
    finally:
        restore()


@contextmanager
def block_signals() -> Iterator[None]:
    """Keep `SIGNALS` waiting; a process that is started meanwhile never gets them, its parent gets them afterwards.

    A terminal sends Ctrl-C to a command's processes all at once, as launchers do with SIGTERM: the one that makes
    samples must outlive the step that needs them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
