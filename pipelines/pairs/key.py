"""Pseudonyms, and the key file that alone leads back from them, kept apart and readable by its owner alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.errors import PipelineError

_SECRET_BYTES = 32
_PSEUDONYM_BYTES = 8
_MODE = 0o600


@dataclass(frozen=True, slots=True)
class PatientKey:
    """A random secret, and who was called what.

    Attributes
    ----------
    file
        Where it lies, mode 0600, outside the folder of pairs.
    secret
        32 random bytes. Never printed.
    known
        Pseudonym by identity (parts joined by a unit separator).
    """

    file: Path
    secret: bytes
    known: Mapping[str, str]

    def __repr__(self) -> str:
        return f"PatientKey({str(self.file)!r}, {len(self.known)} patients)"


def check_key_apart(file: Path, out: Path) -> None:
    """Refuse a key that would lie among the pairs (``pairs-key-inside``): whoever gets them would get it too."""
    if file.resolve().is_relative_to(out.resolve()):
        raise PipelineError("pairs-key-inside", file=str(file), out=str(out))


def open_key(file: Path, out: Path) -> PatientKey:
    """Read the key file, or make one with a new random secret.

    The same key gives the same patient the same pseudonym, so that later pairs join earlier ones.

    Raises
    ------
    PipelineError
        ``pairs-key-inside`` when it would lie in the folder of pairs, ``pairs-key-exposed`` when others than its owner
        may read it, ``pairs-key-unreadable`` when it is no key file or cannot be made.
    """
    check_key_apart(file, out)
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            key = PatientKey(file, secrets.token_bytes(_SECRET_BYTES), {})
            _write(key)
            return key
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            raise PipelineError("pairs-key-exposed", file=str(file), found=f"{mode:04o}")
        content = json.loads(file.read_text(encoding="utf-8"))
        secret = bytes.fromhex(content["secret"])
        known = {str(who): str(name) for who, name in content["patients"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as why:
        raise PipelineError("pairs-key-unreadable", file=str(file), found=type(why).__name__) from why
    if len(secret) < _SECRET_BYTES:
        raise PipelineError("pairs-key-unreadable", file=str(file), found=f"a secret of {len(secret)} bytes")
    return PatientKey(file, secret, known)


def with_patients(key: PatientKey, identities: Iterable[tuple[str, ...]]) -> PatientKey:
    """Return the key with a pseudonym for each identity; the file has them before this returns.

    Raises
    ------
    PipelineError
        ``pairs-key-unreadable`` when the file cannot be written.
    """
    known = dict(key.known)
    for identity in identities:
        known.setdefault(_joined(identity), pseudonym(key, identity))
    grown = replace(key, known=known)
    try:
        _write(grown)
    except OSError as why:
        raise PipelineError("pairs-key-unreadable", file=str(key.file), found=type(why).__name__) from why
    return grown


def pseudonym(key: PatientKey, identity: tuple[str, ...]) -> str:
    """Return what a patient is called outside: ``P`` and 13 letters and digits.

    HMAC-SHA-256 (RFC 2104) of the identity, cut to 64 bits: without the secret nobody can try identifiers out.
    """
    digest = hmac.new(key.secret, b"patient\0" + _joined(identity).encode(), hashlib.sha256).digest()
    return "P" + base64.b32encode(digest[:_PSEUDONYM_BYTES]).decode().rstrip("=")


def _joined(identity: tuple[str, ...]) -> str:
    return "\x1f".join(identity)


def _write(key: PatientKey) -> None:
    part = key.file.with_name(f".part-{key.file.name}")
    part.unlink(missing_ok=True)
    content = {
        "schema": 1,
        "what": "Leads from pseudonyms back to patients. Keep it apart from the pairs, and give it to nobody.",
        "secret": key.secret.hex(),
        "patients": dict(key.known),
    }
    # The mode is set when the file is made, not after: nobody may read it in between.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1, ensure_ascii=False)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(key.file)
