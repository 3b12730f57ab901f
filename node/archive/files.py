"""The files: kept once, durably, under the hash of their content, and reached by that name alone."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from node.archive.part10 import MAX_HEAD, head_bytes, read_head
from node.archive.staging import Staging
from node.errors import Permanent, Transient

_CHUNK = 1 << 20
_LOCATION = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.dcm")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is in the archive, bytes and directory entry flushed.

    Attributes
    ----------
    sha256
        SHA-256 in hex over the transfer syntax UID, a zero byte and the data set's bytes. Preamble and group 0002 are
        left out: the same data set sent by another sender is the same content.
    size
        Bytes of the whole file.
    location
        Its name in the archive, for `ArchiveFiles.path`.
    """

    sha256: str
    size: int
    location: str


class ArchiveFiles:
    """The archive's folder.

    A file's name is made of its content hash alone, so nothing that a sender writes reaches a path, and no file can
    take another one's place. Several processes may keep files in one archive.

    Parameters
    ----------
    root
        The folder; made on the first `keep`.
    machine
        Id of this machine; what others are writing is left alone.
    """

    def __init__(self, root: Path, machine: str = "local") -> None:
        self._root = root
        self._machine = machine
        self._preparing = threading.Lock()
        self._prepared: Staging | None = None

    def keep(self, stream: BinaryIO) -> Kept:
        """Keep a DICOM file (PS3.10) and return when it is durable; of the same content the first file stays.

        Raises
        ------
        Permanent
            ``no-dicom-file``: the stream has no readable file meta information.
        Transient
            ``archive-full``, ``archive-not-writable``; nothing half kept is left.
        """
        start = stream.read(MAX_HEAD)
        head = read_head(start)
        body = _Then(start[head.length :], stream)
        return self._keep(start[: head.length], head.transfer_syntax_uid, body)

    def keep_data_set(
        self, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, stream: BinaryIO
    ) -> Kept:
        """Keep an encoded data set that came without file meta information, as it comes over a network; see `keep`."""
        head = head_bytes(sop_class_uid, sop_instance_uid, transfer_syntax_uid)
        return self._keep(head, transfer_syntax_uid, stream)

    def path(self, location: str) -> Path:
        """Return the file's path.

        Raises
        ------
        Permanent
            ``archive-location-invalid``: the name is not one that `keep` gave.
        """
        if _LOCATION.fullmatch(location) is None:
            raise Permanent("archive-location-invalid", location=location[:120])
        return self._root / location

    def whole(self, location: str) -> Path:
        """Return the file's path, having read it anew: its bytes are those that were kept.

        Raises
        ------
        Permanent
            ``archive-location-invalid``; ``file-damaged``: the file is gone, cannot be read, or has other bytes.
        """
        path = self.path(location)
        if not _is_whole(path, path.stem):
            raise Permanent("file-damaged", file=str(path))
        return path

    def locations(self) -> Iterator[str]:
        """Yield the names of all kept files, sorted."""
        for shard in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(shard.iterdir()):
                name = f"{shard.name}/{file.name}"
                if _LOCATION.fullmatch(name) is not None:
                    yield name

    def foreign(self) -> Iterator[Path]:
        """Yield what lies in the archive's folder under a name that `keep` never gives."""
        for entry in sorted(self._root.glob("*")):
            if entry.name == "staging":
                continue
            if not re.fullmatch("[0-9a-f]{2}", entry.name) or not entry.is_dir():
                yield entry
                continue
            for file in sorted(entry.iterdir()):
                if _LOCATION.fullmatch(f"{entry.name}/{file.name}") is None:
                    yield file

    def hash_of(self, location: str) -> str:
        """Return the content hash of a kept file, read anew.

        Raises
        ------
        Permanent
            ``no-dicom-file``: the file's head is damaged.
        OSError
            The file cannot be read.
        """
        return content_hash(self.path(location))

    def _keep(self, head: bytes, transfer_syntax_uid: str, body: BinaryIO | _Then) -> Kept:
        with self._translated():
            staging = self._staging()
            descriptor, part = staging.new_file()
            try:
                digest = _hasher(transfer_syntax_uid)
                size = _write(descriptor, head)
                while chunk := body.read(_CHUNK):
                    digest.update(chunk)
                    size += _write(descriptor, chunk)
                os.fdatasync(descriptor)
                sha256 = digest.hexdigest()
                location = f"{sha256[:2]}/{sha256}.dcm"
                self._name(part, self._root / location, sha256)
            finally:
                os.close(descriptor)
                part.unlink(missing_ok=True)
        return Kept(sha256, size, location)

    def _name(self, part: Path, file: Path, sha256: str) -> None:
        try:
            os.link(part, file)
        except FileExistsError:
            # The sender is about to be told that these bytes are safe: a file damaged since it was kept is replaced.
            if not _is_whole(file, sha256):
                part.replace(file)
        flush_folder(file.parent)

    def _staging(self) -> Staging:
        with self._preparing:
            if self._prepared is None:
                staging = Staging(self._root / "staging" / self._machine)
                for number in range(256):
                    (self._root / f"{number:02x}").mkdir(exist_ok=True)
                flush_folder(self._root)
                flush_folder(self._root.parent)
                self._prepared = staging
            return self._prepared

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            code = "archive-full" if error.errno in _FULL else "archive-not-writable"
            raise Transient(code, folder=str(self._root), error=error.strerror or str(error)) from error


def content_hash(file: Path) -> str:
    """Return the content hash of a DICOM file, as `Kept.sha256` defines it.

    Raises
    ------
    Permanent
        ``no-dicom-file``.
    OSError
        The file cannot be read.
    """
    with file.open("rb") as stream:
        start = stream.read(MAX_HEAD)
        head = read_head(start)
        digest = _hasher(head.transfer_syntax_uid)
        digest.update(start[head.length :])
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def flush_folder(folder: Path) -> None:
    """Flush a directory, so that the names in it outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Then:
    """Bytes that were read already, then the rest of the stream."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first = BytesIO(first)
        self._rest = rest

    def read(self, size: int) -> bytes:
        return self._first.read(size) or self._rest.read(size)


def _hasher(transfer_syntax_uid: str) -> hashlib._Hash:
    return hashlib.sha256(transfer_syntax_uid.encode("ascii", "replace") + b"\x00")


def _write(descriptor: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)


def _is_whole(file: Path, sha256: str) -> bool:
    try:
        return content_hash(file) == sha256
    except (OSError, Permanent):
        return False
