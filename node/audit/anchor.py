"""The anchor: the trail's count and head outside the database, under a key that the database does not hold.

Three slots of one disk page each are written in turn, each with a generation number and an HMAC. So a change costs
one flush of one page and no rename, and of what a power loss can spoil (the announcement being written, and the
confirmation before it, which was not flushed) the announcement before both stays whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from node.audit.chain import START, Mark, canonical
from node.errors import Permanent

SLOT_BYTES = 4096
"""One page: a slot is written whole or not at all by a process that is killed."""

_SCHEMA = 1
_SLOTS = 3
_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the anchor says of the trail.

    Attributes
    ----------
    since
        Where the present trail starts; what lies before was closed by `AuditTrail.begin_new_trail`.
    closed
        Digest of the rows up to `since` as they were found when it was closed, empty when nothing was.
    confirmed
        Where the trail stands for certain.
    next
        Where it stands if the commit that was under way came through; None when none is.
    generation
        Grows by one with each writing.
    """

    since: Mark = START
    closed: str = ""
    confirmed: Mark = START
    next: Mark | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """The anchor as it was read.

    Attributes
    ----------
    state
        The newest slot whose HMAC fits.
    earlier
        Where the trail stood for certain before, by the older slots.
    damaged
        How many slots are unreadable or do not fit the key.
    """

    state: Anchored
    earlier: tuple[Mark, ...]
    damaged: int


class Anchor:
    """The anchor's file and key.

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

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all other processes and threads from the anchor.

        Whoever also writes to the database takes the lock of `Database.write_exclusively` first. The holder of this
        lock waits for no other recording: it has that lock already, or (a verification) only reads.
        """
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.file.with_name(self.file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @property
    def unmade(self) -> bool:
        """Whether key and anchor were never made, or making them was cut short."""
        return not self.key_file.exists() and (not self.file.exists() or self._unnamed_key.exists())

    def read(self) -> Reading:
        """Return what the anchor says; call with the lock held.

        Raises
        ------
        Permanent
            ``audit-anchor-missing``, ``audit-anchor-forged`` (no slot fits the key), ``audit-key-missing``,
            ``audit-key-exposed`` (others than the owner may read it).
        """
        if not self.file.exists():
            raise Permanent("audit-anchor-missing", file=str(self.file))
        key = self._key()
        content = self.file.read_bytes()
        slots = [content[at : at + SLOT_BYTES] for at in range(0, _SLOTS * SLOT_BYTES, SLOT_BYTES)]
        states = [state for slot in slots if (state := _opened(slot, key)) is not None]
        if not states:
            raise Permanent("audit-anchor-forged", file=str(self.file), key=str(self.key_file))
        states.sort(key=lambda state: state.generation)
        earlier = tuple(state.confirmed for state in states[:-1])
        return Reading(states[-1], earlier, damaged=_SLOTS - len(states))

    def announce(self, state: Anchored) -> None:
        """Write where the trail is going, flushed, before it goes there; call with the lock held."""
        file = self._write(state)
        try:
            os.fdatasync(file)
        finally:
            os.close(file)

    def confirm(self, state: Anchored) -> None:
        """Write that the trail went there; call with the lock held.

        Not flushed: should it be lost, the announcement before it still says where the trail is.
        """
        os.close(self._write(state))

    def _write(self, state: Anchored) -> int:
        slot = _sealed(state, self._key())
        file = os.open(self.file, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(file, slot, state.generation % _SLOTS * SLOT_BYTES)
        except BaseException:
            os.close(file)
            raise
        return file

    def create(self) -> None:
        """Make key and anchor at first start; call with the lock held.

        The key gets its name last: a kill in between leaves an anchor without a key file, which is made anew, and
        never a key without its anchor, which is what somebody leaves who removes the anchor.
        """
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        key = secrets.token_bytes(_KEY_BYTES)
        _write_flushed(self._unnamed_key, key)
        self._put(Anchored(), key)
        self._unnamed_key.rename(self.key_file)
        _flush_folder(self.key_file.parent)

    def replace(self, state: Anchored) -> None:
        """Write a whole new anchor file that says `state` in every slot; call with the lock held."""
        self._put(state, self._key())

    def set_aside(self) -> str:
        """Keep a copy of the file as evidence and return the copy's name, empty when there is no file."""
        if not self.file.exists():
            return ""
        content = self.file.read_bytes()
        kept = self.file.with_name(f"{self.file.name}.{hashlib.sha256(content).hexdigest()[:16]}")
        _write_flushed(kept, content)
        return kept.name

    @property
    def _unnamed_key(self) -> Path:
        return self.key_file.with_name(self.key_file.name + ".new")

    def _put(self, state: Anchored, key: bytes) -> None:
        unnamed = self.file.with_name(self.file.name + ".new")
        _write_flushed(unnamed, _sealed(state, key) * _SLOTS)
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


def _sealed(state: Anchored, key: bytes) -> bytes:
    content = {"schema": _SCHEMA, **asdict(state)}
    text = json.dumps({**content, "hmac": _mac(content, key)}, sort_keys=True)
    return text.encode().ljust(SLOT_BYTES - 1) + b"\n"


def _opened(slot: bytes, key: bytes) -> Anchored | None:
    try:
        content: dict[str, Any] = json.loads(slot)
        found = str(content.pop("hmac"))
        if not hmac.compare_digest(found.encode(), _mac(content, key).encode()) or content.pop("schema") != _SCHEMA:
            return None
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    following = content["next"]
    return Anchored(
        since=Mark(**content["since"]),
        closed=content["closed"],
        confirmed=Mark(**content["confirmed"]),
        next=None if following is None else Mark(**following),
        generation=content["generation"],
    )


def _mac(content: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, canonical(content).encode(), hashlib.sha256).hexdigest()


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
