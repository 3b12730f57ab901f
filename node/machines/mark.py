"""The mark in a node's shared folder: the file ``node.json``, which names the node and its last start.

Knows no database, so that the receive process can read it.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from node.errors import Transient

SCHEMA = 1
_FILE = "node.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which node a shared folder belongs to.

    Attributes
    ----------
    node
        The node's id.
    start
        Drawn at each start of ``synthnode serve``.
    """

    node: str
    start: str


def find_mark(folder: Path) -> Mark | None:
    """Return the folder's mark, None where there is none that can be read."""
    try:
        found = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Mark(str(found["node"]), str(found["start"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_mark(folder: Path) -> Mark:
    """Return the folder's mark.

    Raises
    ------
    Transient
        ``shared-folder-missing``: there is none; most likely the folder is not mounted.
    """
    mark = find_mark(folder)
    if mark is None:
        raise Transient("shared-folder-missing", folder=str(folder))
    return mark


def write_mark(folder: Path, mark: Mark) -> None:
    """Write the mark, flushed, whole or not at all.

    Raises
    ------
    Transient
        ``archive-not-writable``.
    """
    staged = folder / f".{_FILE}.{uuid.uuid4().hex}"
    try:
        with staged.open("x", encoding="utf-8") as stream:
            stream.write(json.dumps({"schema": SCHEMA, **asdict(mark)}))
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(folder / _FILE)
    except OSError as error:
        found = error.strerror or str(error)
        raise Transient("archive-not-writable", folder=str(folder), error=found) from error
    finally:
        staged.unlink(missing_ok=True)
