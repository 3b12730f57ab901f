"""How much a run will write, held against what the disk has before hours are spent."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import StorageFull

_VALUE = 4
_CHECKPOINT = 4 * _VALUE
"""Bytes a parameter in a checkpoint: the weight, its running average, and AdamW's two moments, in float32."""

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a run writes.

    Attributes
    ----------
    least
        It cannot end without these.
    most
        With two checkpoints and the best weights of each training, and a third checkpoint while it is written.
        Logs, pictures and prepared maps come on top.
    """

    least: int
    most: int


def space_needed(parameters: int, trainings: int = 1) -> Need:
    """Return what so many trainings write, each of networks of so many trained values and with its own checkpoints."""
    least = _CHECKPOINT * parameters
    return Need(trainings * least, parameters * (trainings * (2 * _CHECKPOINT + _VALUE) + _CHECKPOINT))


def free_bytes(folder: Path) -> int:
    """Return what the disk has left where `folder` is, or will be made."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def check_disk_space(
    need: Need, out: Path, *, resume: bool, note: Callable[[str], None], free: Callable[[Path], int] = free_bytes
) -> None:
    """Refuse a run for which there certainly is no room, and give notice where it may run out.

    Parameters
    ----------
    resume
        Whether part of `need` lies in `out` already: how much of it is not certain, so that nothing is refused.
    note
        Called with the notice.

    Raises
    ------
    StorageFull
        ``storage-short``; nothing was written.
    """
    left = free(out)
    if left < need.least and not resume:
        raise StorageFull(
            "storage-short",
            place=str(out),
            found=f"{left / _MB:.3g} MB free",
            accepted=f"{need.least / _MB:.3g} MB at the very least, {need.most / _MB:.3g} MB to be safe",
            remedy="make room, or give --out a folder on another disk",
        )
    if left < need.most and not resume:
        note(
            f"{out} has {left / _MB:.3g} MB free, and this may need up to {need.most / _MB:.3g} MB. Should it run out, "
            "it ends with storage-full; make room then, and what was kept goes on by --resume."
        )
