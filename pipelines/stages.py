"""The stages of a run: how long each took, and how far the whole run has come."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipelines.contract import Progress

_ENDS = {
    "read": 0.02,
    "gate": 0.04,
    "infer": 0.84,
    "contour": 0.88,
    "encode": 0.92,
    "check": 0.95,
    "preview": 0.97,
    "report": 1.0,
}
"""Share of the run that is done when each stage ends, for a bar to move evenly where the network runs on a CPU."""


class Stages:
    """Measures the stages of one run and reports them to `progress`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seconds: dict[str, float] = {}
        self._done = 0.0
        self._current = ("", 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run a stage: its time counts until the block ends, also when the stage comes a second time."""
        self._current = (name, self._done)
        self._progress(name, self._done)
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + time.perf_counter() - began
        self._done = max(self._done, _ENDS[name])
        self._progress(name, self._done)

    def within(self, share: float) -> None:
        """Report that `share`, 0 to 1, of the current stage is done."""
        name, began = self._current
        self._progress(name, began + share * (_ENDS[name] - began))

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds by stage so far, in the order of the first entry."""
        return dict(self._seconds)
