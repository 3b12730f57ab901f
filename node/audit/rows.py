"""Reading rows as they are, whatever somebody wrote into them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from node.audit.chain import START, Mark, row_hash
from node.audit.tables import AuditRow

_PAGE = 1000

RawRow = Mapping[str, Any]
"""A row by column name. One that the database cannot give (a text that is no UTF-8) has its number only."""


def last_mark(session: Session) -> Mark:
    """Return number and stored hash of the last row, `START` when there is none."""
    question = select(AuditRow.sequence, AuditRow.hash).order_by(AuditRow.sequence.desc()).limit(1)
    last = session.execute(question).first()
    return START if last is None else Mark(last.sequence, last.hash)


def hash_of_row(session: Session, number: int) -> str | None:
    """Return the stored hash of a row, None when it is not there."""
    return session.scalars(select(AuditRow.hash).where(AuditRow.sequence == number)).first()


def rows(session: Session, after: int | None, until: int) -> Iterator[RawRow]:
    """Yield the rows with numbers above `after` (None: all) up to `until`, in the order of their numbers."""
    while True:
        numbers = select(AuditRow.sequence).where(AuditRow.sequence <= until).order_by(AuditRow.sequence).limit(_PAGE)
        page = session.scalars(numbers if after is None else numbers.where(AuditRow.sequence > after)).all()
        if not page:
            return
        yield from _page(session, page[0], page[-1])
        after = page[-1]


def digest(session: Session, until: int) -> str:
    """Return the SHA-256 (hex) over the rows up to number `until` as they are, hashes included."""
    running = hashlib.sha256()
    for row in rows(session, None, until):
        running.update(f"{row_hash(row)} {row.get('hash')!r}\n".encode())
    return running.hexdigest()


def _page(session: Session, first: int, last: int) -> Iterator[RawRow]:
    try:
        found = session.execute(_whole(first, last)).mappings().all()
    except DBAPIError:
        for number in session.scalars(
            select(AuditRow.sequence).where(AuditRow.sequence.between(first, last)).order_by(AuditRow.sequence)
        ).all():
            yield _single(session, number)
    else:
        yield from (dict(row) for row in found)


def _single(session: Session, number: int) -> RawRow:
    try:
        return dict(session.execute(_whole(number, number)).mappings().one())
    except DBAPIError:
        return {"sequence": number}


def _whole(first: int, last: int) -> Select[Any]:
    table = AuditRow.__table__
    return select(table).where(table.c.sequence.between(first, last)).order_by(table.c.sequence)
