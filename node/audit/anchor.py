"""The anchor: the newest seal that this machine has recorded, outside the database, and the key of all seals.

Each machine that records has an anchor of its own; the key is the same on all. Two slots of one disk page each are
written in turn and flushed. So a recording costs one flush of one page and no rename, and a power loss can spoil the
slot that is being written, not the one before.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.audit.chain import Mark
from node.audit.seal import Seal, sign, unsign
from node.errors import Permanent

SLOT_BYTES = 4096
"""One page: a slot is written whole or not at all by a process that is killed."""

_SLOTS = 2
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """The anchor as it was read.

    Attributes
    ----------
    seal
        The newest slot whose HMAC fits.
    marks
        Where the trail ended by the slots whose HMAC fits.
    damaged
        How many slots are unreadable or do not fit the key.
    """

    seal: Seal
    marks: tuple[Mark, ...]
    damaged: int


class Anchor:
    """The anchor's file, and the key.

    Parameters
    ----------
    file
        Where the anchor is kept; its lock file stands beside it.
    key_file
        The HMAC key, mode 0600. Best on another medium than the database, readable by the service alone.
    """

    def __init__(self, file: Path, key_file: Path) -> None:
        self.file = file
        self.key_file = key_file

    @property
    def unmade(self) -> bool:
        """Whether key and anchor were never made, or making them was cut short."""
        return not self.key_file.exists() and (not self.file.exists() or self._unnamed_key.exists())

    def sign(self, seal: Seal) -> str:
        """Return the signed seal; raises as `read` does for the key."""
        return sign(seal, self._key())

    def unsign(self, text: str) -> Seal | None:
        """Return the seal that a signed text holds, None when it does not fit the key; raises as `read` for the key."""
        return unsign(text, self._key())

    def read(self) -> Reading:
        """Return what the anchor says.

        Raises
        ------
        Permanent
            ``audit-anchor-missing``, ``audit-anchor-forged`` (no slot fits the key), ``audit-key-missing``,
            ``audit-key-exposed`` (others than the owner may read it).
        """
        with self._locked(fcntl.LOCK_SH):
            return self._read()

    def advance(self, seal: Seal) -> None:
        """Write a seal whose rows are committed, flushed, unless a newer one is there.

        Called after the commit and without any lock of the database, so that nobody waits for both in a circle: of two
        processes the second to commit may come here first.
        """
        with self._locked(fcntl.LOCK_EX):
            slots = self._slots(self._key())
            generations = [-1 if found is None else found.generation for found in slots]
            if max(generations) >= seal.generation:
                return
            self._write(seal, generations.index(min(generations)))

    def check_writable(self) -> None:
        """Check before a commit that the anchor can be written after it.

        Raises
        ------
        OSError
            It cannot.
        """
        os.close(self._open())

    def create(self) -> None:
        """Make key and anchor at first start.

        The key gets its name last: a kill in between leaves an anchor without a key file, which is made anew, and
        never a key without its anchor, which is what somebody leaves who removes the anchor.
        """
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        key = secrets.token_bytes(_KEY_BYTES)
        _write_flushed(self._unnamed_key, key)
        self._put(Seal(), key)
        self._unnamed_key.rename(self.key_file)
        _flush_folder(self.key_file.parent)

    def replace(self, seal: Seal) -> None:
        """Write a whole new anchor file that says `seal` in every slot."""
        with self._locked(fcntl.LOCK_EX):
            self._put(seal, self._key())

    def set_aside(self) -> str:
        """Keep a copy of the file as evidence and return the copy's name, empty when there is no file."""
        if not self.file.exists():
            return ""
        content = self.file.read_bytes()
        kept = self.file.with_name(f"{self.file.name}.{hashlib.sha256(content).hexdigest()[:16]}")
        _write_flushed(kept, content)
        return kept.name

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.file.with_name(self.file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)

    def _read(self) -> Reading:
        if not self.file.exists():
            raise Permanent("audit-anchor-missing", file=str(self.file))
        slots = self._slots(self._key())
        seals = sorted((seal for seal in slots if seal is not None), key=lambda seal: seal.generation)
        if not seals:
            raise Permanent("audit-anchor-forged", file=str(self.file), key=str(self.key_file))
        return Reading(seals[-1], tuple(seal.end for seal in seals), damaged=_SLOTS - len(seals))

    def _slots(self, key: bytes) -> list[Seal | None]:
        content = self.file.read_bytes()
        return [unsign(content[at : at + SLOT_BYTES], key) for at in range(0, _SLOTS * SLOT_BYTES, SLOT_BYTES)]

    def _write(self, seal: Seal, slot: int) -> None:
        file = self._open()
        try:
            os.pwrite(file, _page(sign(seal, self._key())), slot * SLOT_BYTES)
            os.fdatasync(file)
        finally:
            os.close(file)

    def _open(self) -> int:
        return os.open(self.file, os.O_WRONLY | os.O_CLOEXEC)

    @property
    def _unnamed_key(self) -> Path:
        return self.key_file.with_name(self.key_file.name + ".new")

    def _put(self, seal: Seal, key: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        unnamed = self.file.with_name(self.file.name + ".new")
        _write_flushed(unnamed, _page(sign(seal, key)) * _SLOTS)
        unnamed.rename(self.file)
        _flush_folder(self.file.parent)

    def _key(self) -> bytes:
        try:
            mode = self.key_file.stat().st_mode
        except FileNotFoundError:
            raise Permanent("audit-key-missing", file=str(self.key_file)) from None
        if mode & 0o077:
            raise Permanent("audit-key-exposed", file=str(self.key_file), found=oct(mode & 0o777), accepted="0600")
        return self.key_file.read_bytes()


def _page(signed: str) -> bytes:
    return signed.encode().ljust(SLOT_BYTES - 1) + b"\n"


def _write_flushed(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
