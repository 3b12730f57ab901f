"""Where files are written before they have a name: a crash leaves nothing behind that is taken for a kept file."""

from __future__ import annotations

import fcntl
import itertools
import os
import uuid
from pathlib import Path


class Staging:
    """The half-written files of one writer, in the file system of the archive.

    Each writer holds a lock on a file of its own; what a dead writer left has a lock that anyone can take, so a new
    writer clears that away and never touches what another one is writing.

    Parameters
    ----------
    folder
        Shared by the writers of one machine, never by those of two: over a network file system a lock may hold on
        its own machine alone, and what another machine is writing would be cleared away. Made when it does not exist.

    Raises
    ------
    OSError
        The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._clear_leftovers()
        self._lock, self._prefix = self._locked()
        self._numbers = itertools.count()

    def new_file(self) -> tuple[int, Path]:
        """Return the descriptor and the path of a new, empty file, open for writing now and by nobody later."""
        path = self._folder / f"{self._prefix}.{next(self._numbers)}.part"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440), path

    def _locked(self) -> tuple[int, str]:
        while True:
            prefix = uuid.uuid4().hex
            path = self._folder / f"{prefix}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Another writer may have cleared the file away between its creation and its lock.
            if path.exists():
                return descriptor, prefix
            os.close(descriptor)

    def _clear_leftovers(self) -> None:
        for path in self._folder.glob("*.lock"):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                for part in self._folder.glob(f"{path.stem}.*.part"):
                    part.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)
