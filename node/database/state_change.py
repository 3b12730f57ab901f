"""The one way in which a row's state changes: compare and set."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import inspect, update
from sqlalchemy.orm import InstanceState, Session

from node.errors import Transient
from node.states import State, check_transition


class HasState(Protocol):
    """A row that has a state."""

    state: str


def change_state(session: Session, row: HasState, new: State) -> None:
    """Change a row's state in the database, if that still is the one that `row` holds.

    Afterwards the row is locked until the transaction ends, and `row` holds its present values, those included that
    this transaction has set. Right on SQLite and under PostgreSQL's READ COMMITTED, where another transaction may
    have changed the row since it was read.

    Raises
    ------
    Refusal
        ``state-transition``: `new` may not follow.
    Transient
        ``state-changed``: another transaction changed the state since the row was read. Read again and decide anew.
    """
    seen = type(new)(row.state)
    check_transition(seen, new)
    session.flush()
    instance: InstanceState[Any] = inspect(row, raiseerr=True)
    mapper = instance.mapper
    key = zip(mapper.primary_key, instance.identity or (), strict=True)
    changed = session.execute(
        update(mapper)
        .where(*(column == value for column, value in key), mapper.c.state == seen)
        .values(state=new)
        .returning(mapper.c.state)
        .execution_options(synchronize_session=False)
    ).first()
    if changed is None:
        thing = type(new).__name__.removesuffix("State").lower()
        raise Transient("state-changed", thing=thing, seen=seen.value, new=new.value)
    session.refresh(row)
