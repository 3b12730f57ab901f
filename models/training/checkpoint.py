"""Checkpoints: the newest and the one before it, so that one of them can always be read."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from models.errors import RecipeError
from models.training.storage import CHECKPOINT, PREVIOUS, sync_folder, write_whole, written_beside

UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile)
"""What `read_tensors` raises of a file that is cut short, damaged, or holds what would have to be run."""


def save_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Keep `content` as the newest checkpoint of `folder`, and the one that was newest as the previous.

    Raises
    ------
    StorageFull
        If there is no room; both checkpoints are then as they were.
    """
    newest = folder / CHECKPOINT
    part = written_beside(newest, serialised(content))
    if newest.exists():
        newest.replace(folder / PREVIOUS)
    part.replace(newest)
    sync_folder(folder)


def has_checkpoint(folder: Path) -> bool:
    """Return whether `folder` has a checkpoint, whole or not."""
    return any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS))


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """Read the newest checkpoint of `folder` that is whole; nothing in it is run.

    Raises
    ------
    RecipeError
        If none can be read (``checkpoint-unreadable``).
    """
    found = {}
    for name in (CHECKPOINT, PREVIOUS):
        try:
            return read_tensors(folder / name)
        except UNREADABLE as why:
            found[name] = f"{type(why).__name__}: {str(why).splitlines()[0] if str(why) else ''}"
    raise RecipeError("checkpoint-unreadable", folder=str(folder), found="; ".join(found.values()))


def read_tensors(file: Path) -> dict[str, Any]:
    """Read a file of `torch.save` that holds tensors and plain values alone.

    Raises
    ------
    Exception
        One of `UNREADABLE`, if it is cut short, damaged, or holds what would have to be run.
    """
    if zipfile.is_zipfile(file):  # torch reads an archive without holding it against its checksums
        with zipfile.ZipFile(file) as archive:
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} is damaged")
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of old pickles, beside the refusal
            content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as why:
        # The library's own sentence advises to run it.
        raise ValueError(
            "it holds more than tensors and plain values, or is no file of tensors; none of it was run"
        ) from why
    if not isinstance(content, dict):
        raise ValueError(f"a {type(content).__name__} instead of a mapping")
    return content


def save_tensors(file: Path, content: dict[str, Any]) -> None:
    """Write `content` so that `read_tensors` can read it, whole or not at all; errors as of `write_whole`."""
    write_whole(file, serialised(content))


def serialised(content: dict[str, Any]) -> memoryview:
    """Return `content` as the bytes of `torch.save`."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getbuffer()
