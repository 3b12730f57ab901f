"""A destination that is a folder, such as a planning system's import folder: a result appears whole or not at all.

A result is written into a hidden folder beside its place, and renamed to it when every object lies there, flushed,
beside a file ``FINISHED``. Names are UIDs and the run's; no patient's name or number reaches a path.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from node.deliver.storable import StorableFile
from node.errors import Permanent, Transient

FINISHED = "FINISHED"
"""The marker: one line for each object of the result, written last."""

_STORED = 0x0000
_CHUNK = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderConnection:
    """Writes files into the hidden folder of one result.

    Parameters
    ----------
    folder
        The destination; it is never made: where a mount is missing, nothing must be written beneath it.
    name
        What the result's folder is called.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._place = folder / name
        self._hidden = folder / f".{name}.part"

    def __enter__(self) -> Self:
        with _translated(self._folder):
            if not self._folder.is_dir():
                raise Transient("folder-not-there", folder=str(self._folder))
            if not self._place.is_dir():
                self._hidden.mkdir(exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def store_each(self, files: Iterable[StorableFile]) -> Iterator[int]:
        """Yield success for each file that lies in the hidden folder, flushed.

        Raises
        ------
        Transient
            ``folder-full`` or ``folder-not-writable``.
        """
        for file in files:
            with _translated(self._folder):
                if not self._place.is_dir():
                    _write(self._hidden, file)
            yield _STORED

    def finish(self, files: Iterable[StorableFile]) -> None:
        """Let the result appear in its place; once it did, nothing is done.

        Parameters
        ----------
        files
            All objects of the result: one that was taken out of the hidden folder meanwhile is written again.

        Raises
        ------
        Transient
            ``folder-full`` or ``folder-not-writable``.
        """
        with _translated(self._folder):
            if self._place.is_dir():
                return
            files = tuple(files)
            for file in files:
                if not _holds(self._hidden, file):
                    _write(self._hidden, file)
            lines = "".join(f"{_file_name(file)}\n" for file in files)
            _write_bytes(self._hidden / FINISHED, [lines.encode("ascii")])
            _flush(self._hidden)
            self._hidden.rename(self._place)
            _flush(self._folder)


def _write(folder: Path, file: StorableFile) -> None:
    with file.path.open("rb") as stream:
        _write_bytes(folder / _file_name(file), iter(lambda: stream.read(_CHUNK), b""))


def _write_bytes(place: Path, chunks: Iterable[bytes]) -> None:
    part = place.with_name(f".{place.name}.part")
    try:
        with part.open("wb") as target:
            for chunk in chunks:
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        part.replace(place)
        _flush(place.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _holds(folder: Path, file: StorableFile) -> bool:
    with suppress(OSError):
        return (folder / _file_name(file)).stat().st_size == file.size
    return False


def _file_name(file: StorableFile) -> str:
    if re.fullmatch(r"[0-9.]{1,64}", file.sop_instance_uid) is None:
        raise Permanent("file-not-dicom", file=str(file.path), error="its SOP Instance UID is no UID")
    return f"{file.sop_instance_uid}.dcm"


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        code = "folder-full" if error.errno in _FULL else "folder-not-writable"
        raise Transient(code, folder=str(folder), error=error.strerror or str(error)) from error
