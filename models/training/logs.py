"""What a run tells while it goes: tables (CSV), TensorBoard's events, and pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from PIL import Image
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.summary import image, scalar

from models.training.storage import name_full_disk, write_whole

STEPS = "log.csv"
VALIDATION = "validation.csv"
MONTAGES = "montages"
EVENTS = "tensorboard"

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LogRow:
    """Means over the steps since the row before.

    Attributes
    ----------
    step, minutes
        How far the run had come.
    learning_rate
        Of the last step, as a share of each optimiser's own.
    seconds_per_step
        Time of a step, the wait for its samples included.
    figures
        What the objective tells of itself.
    """

    step: int
    minutes: float
    learning_rate: float
    seconds_per_step: float
    figures: Mapping[str, float] = field(default_factory=dict)

    def columns(self) -> dict[str, float]:
        """Return the row as one line of a table."""
        own = {"step": self.step, "minutes": round(self.minutes, 4), "learning_rate": self.learning_rate}
        return {**own, "seconds_per_step": round(self.seconds_per_step, 4), **self.figures}


class Logs:
    """The logs of the run in `folder` that goes on after `step` steps: what they say of later steps is dropped.

    Everything is written when it is told, so that a kill loses nothing and a full disk is not found out later.
    TensorBoard gets its events without its writer's thread, which would lose such an error.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._folder = folder
        for name in (STEPS, VALIDATION):
            _cut(folder / name, step)
        with name_full_disk(folder):
            (folder / MONTAGES).mkdir(exist_ok=True)
            (folder / EVENTS).mkdir(exist_ok=True)
            self._events = EventsWriter(str(folder / EVENTS / "events"), f".{step}")
            self._events.write_event(Event(step=step, session_log=SessionLog(status=SessionLog.START)))
            self._events.flush()

    def __enter__(self) -> Logs:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        try:
            with name_full_disk(self._folder):
                self._events.close()
        except Exception:
            if why is None:  # what went wrong first is what is told
                raise

    def steps(self, row: LogRow) -> None:
        """Log a row of the table of steps.

        Raises
        ------
        StorageFull
            If there is no room.
        """
        self._write_figures(STEPS, row.step, "train", row.columns())

    def validation(self, step: int, figures: Mapping[str, float]) -> None:
        """Log the figures on held-out data; errors as of `steps`."""
        self._write_figures(VALIDATION, step, "validation", {"step": step, **figures})

    def montage(self, step: int, picture: Picture) -> None:
        """Keep a picture (height, width, 3) as PNG; errors as of `steps`."""
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "PNG")
        write_whole(self._folder / MONTAGES / f"step-{step:07d}.png", stream.getvalue())
        with name_full_disk(self._folder):
            self._events.write_event(Event(step=step, summary=image("montage", picture, dataformats="HWC")))
            self._events.flush()

    def _write_figures(self, name: str, step: int, group: str, columns: Mapping[str, float]) -> None:
        file = self._folder / name
        with name_full_disk(file):
            with file.open("a", encoding="utf-8", newline="") as stream:
                table = csv.writer(stream)
                if stream.tell() == 0:
                    table.writerow(columns)
                table.writerow(columns.values())
            for key, value in columns.items():
                if key != "step":
                    self._events.write_event(Event(step=step, summary=scalar(f"{group}/{key}", value)))
            self._events.flush()


def _cut(file: Path, step: int) -> None:
    """Keep of a table what belongs to the first `step` steps: the rest is done again; a kill may have cut a line."""
    if not file.exists():
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    rows = [line for line in lines[1:] if line.endswith("\n") and int(line.split(",")[0]) <= step]
    write_whole(file, "".join([*lines[:1], *rows]).encode())
