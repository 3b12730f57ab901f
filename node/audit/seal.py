"""The seal: where the trail starts and ends, under an HMAC whose key the database does not hold."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from node.audit.chain import START, Mark, canonical
from node.audit.tables import AuditRow, AuditSeal
from node.database import Database
from node.errors import Permanent

_SCHEMA = 1
_ONLY = 1


@dataclass(frozen=True, slots=True)
class Seal:
    """What the last recording said of the trail.

    Attributes
    ----------
    since
        Where the present trail starts; what lies before was closed by `AuditTrail.begin_new_trail`.
    closed
        Digest of the rows up to `since` as they were found when it was closed, empty when nothing was.
    end
        Where the trail ends.
    generation
        Grows by one with each recording, on whatever machine.
    """

    since: Mark = START
    closed: str = ""
    end: Mark = START
    generation: int = 0

    def holds_nothing(self) -> bool:
        """Return whether it vouches for no row, as before the first."""
        return self.end == START


def sign(seal: Seal, key: bytes) -> str:
    """Return the seal as one JSON text with its HMAC-SHA-256."""
    content = {"schema": _SCHEMA, **asdict(seal)}
    return json.dumps({**content, "hmac": _mac(content, key)}, sort_keys=True)


def unsign(text: str | bytes, key: bytes) -> Seal | None:
    """Return the seal that a text holds; None when it is no such text or its HMAC does not fit the key."""
    try:
        content: dict[str, Any] = json.loads(text)
        found = str(content.pop("hmac"))
        if not hmac.compare_digest(found.encode(), _mac(content, key).encode()) or content["schema"] != _SCHEMA:
            return None
    except (ValueError, KeyError, AttributeError, TypeError):
        return None
    return Seal(Mark(**content["since"]), content["closed"], Mark(**content["end"]), content["generation"])


def sealed_text(session: Session) -> str | None:
    """Return the signed seal that the database holds, None when it holds none."""
    row = session.get(AuditSeal, _ONLY)
    return None if row is None else str(row.signed)


def is_sealed(database: Database) -> bool:
    """Return whether the database's trail is one that has a seal; that of a release before revision 0008 has none."""
    if not database.exists:
        return True
    found = inspect(database.engine)
    if not found.has_table(AuditRow.__tablename__) or found.has_table(AuditSeal.__tablename__):
        return True
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(AuditRow)) == 0


def check_sealed(database: Database) -> None:
    """Check, before the database is migrated, that its trail can be gone on with.

    Raises
    ------
    Permanent
        ``audit-trail-unsealed``: migrated, an old trail would look like one whose seal was removed.
    """
    if not is_sealed(database):
        raise Permanent("audit-trail-unsealed", database=database.name)


def put_seal(session: Session, signed: str) -> None:
    """Put a signed seal in place of the last one, in the transaction of the rows that it vouches for."""
    session.merge(AuditSeal(id=_ONLY, signed=signed))
    session.flush()


def _mac(content: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, canonical(content).encode(), hashlib.sha256).hexdigest()
