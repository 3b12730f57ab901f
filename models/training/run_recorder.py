"""What a run leaves behind as it goes: rows of the log, validations and the best weights, pictures, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from models.errors import RecipeError
from models.training.checkpoint import save_checkpoint, save_tensors
from models.training.logs import LogRow, Logs, Picture
from models.training.schedule import Progress, Schedule

BEST = "best.pt"
SCORE = "score"
"""The figure of a validation that is to become low."""

_LOG_EVERY = 10


class Listener(Protocol):
    """Whom a run tells how it goes."""

    def stepped(self, progress: Progress, share: float) -> None:
        """Hear of a step; `share` of the run is done."""

    def logged(self, row: LogRow) -> None:
        """Hear of a row of the log."""

    def validated(self, progress: Progress, figures: Mapping[str, float]) -> None:
        """Hear of a validation."""


class Judged(Protocol):
    """What the keeper asks of the run."""

    def validate(self) -> Mapping[str, float]:
        """Return figures on held-out data, `SCORE` among them."""

    def montage(self) -> Picture:
        """Return a picture of held-out samples."""

    def averages(self) -> dict[str, Any]:
        """Return the averaged weights by network."""


class RunRecorder:
    """Keeps the run in `folder` as `schedule` says."""

    def __init__(self, folder: Path, logs: Logs, schedule: Schedule, run: Judged, listener: Listener) -> None:
        self._folder, self._logs, self._schedule = folder, logs, schedule
        self._run, self._listener = run, listener
        self._since: list[Mapping[str, float]] = []
        self._rate = 0.0

    def stepped(self, before: Progress, now: Progress, figures: Mapping[str, float]) -> Progress:
        """Take in a step, do what is due after it, and return how far the run has come.

        Raises
        ------
        RecipeError
            If the loss is no longer a number (``training-diverged``).
        StorageFull
            If there is no room.
        """
        schedule, over = self._schedule, self._schedule.over(now)
        self._rate = schedule.rate(before)
        self._since.append({**figures, "seconds": now.seconds - before.seconds})
        self._listener.stepped(now, schedule.length.passed(now))
        if len(self._since) >= _LOG_EVERY or over:
            self._log(now)
        if schedule.validation is not None and (over or schedule.validation.ends(before, now)):
            now = self._validated(now)
        if schedule.montage is not None and (over or schedule.montage.ends(before, now)):
            self._logs.montage(now.step, self._run.montage())
        return now

    def checkpoint(self, now: Progress, content: Callable[[], dict[str, Any]]) -> None:
        """Keep `content`; errors as of `stepped`, and nothing is kept of a run that has diverged."""
        if self._since:
            self._log(now)
        save_checkpoint(self._folder, content())

    def _log(self, now: Progress) -> None:
        mean = {key: sum(row[key] for row in self._since) / len(self._since) for key in self._since[0]}
        self._since = []
        seconds = mean.pop("seconds")
        row = LogRow(now.step, now.seconds / 60, self._rate, seconds, mean)
        if not all(math.isfinite(value) for value in mean.values()):
            raise RecipeError(
                "training-diverged",
                folder=str(self._folder),
                step=now.step,
                remedy="lower learning_rate; the last checkpoint is from before",
            )
        self._logs.steps(row)
        self._listener.logged(row)

    def _validated(self, now: Progress) -> Progress:
        figures = self._run.validate()
        score = figures[SCORE]
        if score < now.best_score:
            now = replace(now, best_step=now.step, best_score=score, stale=0)
            kept = {"averages": self._run.averages(), "step": now.step, "score": score}
            save_tensors(self._folder / BEST, kept)
        else:
            now = replace(now, stale=now.stale + 1)
        self._logs.validation(now.step, figures)
        self._listener.validated(now, figures)
        return now
