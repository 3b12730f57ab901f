"""Files that are written whole or not at all, and what a person is told when there is no room for them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import NO_ROOM, StorageFull

CHECKPOINT = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"
PLAN = "finetune.json"
"""Files by which a run goes on: its checkpoints, and what says which fine-tuning a folder holds."""


@contextmanager
def name_full_disk(place: Path) -> Iterator[None]:
    """Tell a full disk, quota or file limit as what it is; other errors of the system pass.

    Raises
    ------
    StorageFull
        If something could not be written to `place` for want of room.
    """
    try:
        yield
    except OSError as why:
        if why.errno not in NO_ROOM:
            raise
        raise StorageFull(
            place=str(place),
            found=os.strerror(why.errno or errno.ENOSPC),
            remedy=_remedy(place),
        ) from why


def _remedy(place: Path) -> str:
    """Return what to do, by what is there to go on from."""
    # A run's files lie in its folder or one below; a fine-tuning's folds lie two below the folder of the whole.
    for folder in (place, *place.parents[:3]):
        if any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS)):
            return "make room, then give the same command with --resume; the last checkpoint is whole"
        if (folder / PLAN).exists():
            return "make room, then give the same command with --resume; only what was being written begins anew"
    return "make room, then begin again without --resume: there is no checkpoint yet"


def write_whole(file: Path, content: bytes | memoryview) -> None:
    """Replace `file` by `content` in one step that a kill or a loss of power leaves done or undone.

    Raises
    ------
    StorageFull
        If there is no room; `file` is then as it was.
    """
    part = written_beside(file, content)
    part.replace(file)
    sync_folder(file.parent)


def written_beside(file: Path, content: bytes | memoryview) -> Path:
    """Write `content` to a file beside `file`, through to the disk, and return it; on failure nothing is left."""
    part = file.with_name(f".part-{file.name}")
    try:
        with name_full_disk(file), part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def sync_folder(folder: Path) -> None:
    """Have the names of the files in `folder` on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
