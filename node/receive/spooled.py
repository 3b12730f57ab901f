"""A data set while it comes in: in memory while it is small, then in a file without a name."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any


class SpooledDataSet(io.BytesIO):
    """Bytes that are written once and then read, of which at most so many are kept in memory.

    pynetdicom takes a data set as `io.BytesIO`. The file has no name, so that nothing of it is left when the process
    dies.

    Parameters
    ----------
    memory_bytes
        How many are kept in memory.
    folder
        Where the file is made; it needs room for the largest object.
    """

    def __init__(self, memory_bytes: int, folder: Path) -> None:
        super().__init__()
        self._spool: IO[bytes] = SpooledTemporaryFile(max_size=memory_bytes, dir=str(folder))  # noqa: SIM115

    def write(self, data: Any, /) -> int:
        """Append `data`."""
        return self._spool.write(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes from here, or all."""
        return self._spool.read(-1 if size is None else size)

    def seek(self, position: int, whence: int = 0, /) -> int:
        """Go to a position."""
        return self._spool.seek(position, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._spool.tell()

    def getvalue(self) -> bytes:
        """Return all bytes."""
        at = self.tell()
        self.seek(0)
        content = self.read()
        self.seek(at)
        return content

    def close(self) -> None:
        """Give memory and file back."""
        self._spool.close()
        super().close()
