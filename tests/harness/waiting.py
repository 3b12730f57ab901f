"""Waiting with a bound, ports and processes: what each story with real programs needs."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T | None], *, within: float, what: str, every: float = 0.2) -> T:
    """Return the first true value that `look` gives.

    Parameters
    ----------
    look
        Asked again and again; a false value means not yet.
    within
        Seconds after which waiting fails.
    what
        What is waited for, for the message.

    Raises
    ------
    AssertionError
        It did not come; the message shows the last value.
    """
    ends = time.monotonic() + within
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > ends:
            raise AssertionError(f"waited {within:g} s in vain for {what}; last seen: {seen!r}")
        time.sleep(every)


def stays(look: Callable[[], T], *, seconds: float, what: str) -> T:
    """Return what `look` gives, if it gives the same for `seconds`.

    Raises
    ------
    AssertionError
        It changed; the message shows both.
    """
    first = look()
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        time.sleep(1.0)
        now = look()
        assert now == first, f"{what} changed from {first!r} to {now!r}"
    return first


def free_port() -> int:
    """Return a port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> dict[int, tuple[str, ...]]:
    """Return command lines by process id of all processes below `pid`."""
    parents: dict[int, int] = {}
    commands: dict[int, tuple[str, ...]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command's name may hold blanks and brackets; the state and the parent follow the last bracket.
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            commands[int(entry.name)] = tuple((entry / "cmdline").read_text().rstrip("\0").split("\0"))
        except (OSError, ValueError):
            continue
    below = {pid}
    for _ in range(8):
        below |= {child for child, parent in parents.items() if parent in below}
    return {child: commands[child] for child in below - {pid} if child in commands}
