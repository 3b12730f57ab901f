"""What the node's processes leave in its run folder for each other: which run, which do not last, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.contract import Reason

SCHEMA = 1
_FILE = "processes.json"


@dataclass(frozen=True, slots=True)
class FailingProcess:
    """A process that does not start, or that ends each time soon after it did.

    Attributes
    ----------
    name
        The process's name.
    starts
        How often in a row it was started and did not last.
    reason
        Why it ended the last time.
    """

    name: str
    starts: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Processes:
    """The node's processes: process numbers by name, and those that do not last."""

    pids: Mapping[str, int]
    failing: Sequence[FailingProcess]


def write_processes(run_folder: Path, processes: Processes) -> None:
    """Write the list whole or not at all.

    Raises
    ------
    OSError
        It cannot be written now.
    """
    file = run_folder / _FILE
    staged = file.with_suffix(".new")
    staged.write_text(json.dumps({"schema": SCHEMA, **asdict(processes)}))
    staged.replace(file)


def read_failing(run_folder: Path) -> Sequence[FailingProcess]:
    """Return the processes of a running node that do not last; nothing when no node runs."""
    try:
        found = json.loads((run_folder / _FILE).read_text())
        with suppress(PermissionError):  # it runs, as another user
            os.kill(found["pids"]["supervisor"], 0)
    except (OSError, ValueError, KeyError):
        return ()
    return tuple(FailingProcess(one["name"], one["starts"], _reason(one["reason"])) for one in found["failing"])


def write_end(run_folder: Path, name: str, reason: Reason) -> None:
    """Leave word of why a process ends, for whoever started it; on a full disk it ends without."""
    with suppress(OSError):
        _end(run_folder, name).write_text(json.dumps(asdict(reason)))


def take_end(run_folder: Path, name: str) -> Reason | None:
    """Return why a process of that name ended, if it left word, and remove that."""
    file = _end(run_folder, name)
    try:
        reason = _reason(json.loads(file.read_text()))
        file.unlink()
    except (OSError, ValueError, KeyError):
        return None
    return reason


def _end(run_folder: Path, name: str) -> Path:
    return run_folder / f"{name}.end"


def _reason(content: Mapping[str, Any]) -> Reason:
    return Reason(content["code"], content["parameters"])
