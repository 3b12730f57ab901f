"""How a training run is told at the command line: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from models.training.logs import LogRow
    from models.training.schedule import Progress

_TOTAL = 1000.0


class TrainingProgress:
    """A listener of a run.

    Parameters
    ----------
    console
        Where to tell; without a terminal behind it no bar is drawn.
    title
        Stands before the bar.
    """

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[line]}"),
        )
        self._bar = Bar(*columns, console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task(title, total=_TOTAL, line="")

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def stepped(self, progress: Progress, share: float) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=min(share, 1.0) * _TOTAL)

    def logged(self, row: LogRow) -> None:
        """Tell the means of the last steps: beside the bar, or as a line."""
        figures = "  ".join(f"{name} {value:.4g}" for name, value in row.figures.items())
        line = f"step {row.step}  {row.seconds_per_step:.2f} s/step  {figures}"
        if self._console.is_terminal:
            self._bar.update(self._task, line=line)
        else:
            self._console.print(f"{line}  rate {row.learning_rate:.2e}  {row.minutes:.1f} min", soft_wrap=True)

    def validated(self, progress: Progress, figures: Mapping[str, float]) -> None:
        """Tell the figures on held-out data as a line."""
        means = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        best = " (best)" if progress.best_step == progress.step else f" (best {progress.best_score:.4g})"
        self._console.print(f"held out at step {progress.step}: {means}{best}", soft_wrap=True)
