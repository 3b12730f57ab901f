"""Several machines record into one trail: each has an anchor of its own, and all have one key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit.tables import AuditRow, AuditSeal
from node.errors import Permanent, Refusal

pytestmark = [BOTH_DATABASES, pytest.mark.hazard("HAZ-12")]

PERSON = Actor.person("administrator", Role)


@pytest.fixture
def other(room: Any, room_factory: Callable[..., Any]) -> Iterator[Any]:
    """A second machine that joined after three rows of the first."""
    room.note(3)
    url = None if room.database.engine.dialect.name == "sqlite" else room.database.url
    made = room_factory(room.folder, url, "other")
    made.trail.join("a second machine", PERSON)
    yield made
    made.database.close()


def state(room: Any) -> tuple[list[dict[str, Any]], str]:
    with room.database.read() as session:
        rows = [dict(row) for row in session.execute(select(AuditRow.__table__)).mappings()]
        return rows, session.scalars(select(AuditSeal.signed)).one()


def put_back(room: Any, then: tuple[list[dict[str, Any]], str]) -> None:
    """Put rows and seal back to an older state, as a backup does."""
    with room.database.write() as session:
        session.execute(AuditRow.__table__.delete())
        session.execute(AuditRow.__table__.insert(), then[0])
        session.get_one(AuditSeal, 1).signed = then[1]


def codes(room: Any) -> set[str]:
    return {finding.reason.code for finding in room.verify().findings}


def test_both_record_by_turns_and_both_verify(room: Any, other: Any) -> None:
    for machine in (other, room, room, other):
        machine.note(2)
    assert (room.verify().valid, other.verify().valid) == (True, True)
    assert room.verify().anchored.count == 10
    assert other.verify().anchored.count == other.verify().found.count == 12


def test_a_tail_that_was_cut_is_found_by_the_machine_that_wrote_it(room: Any, other: Any) -> None:
    room.note(1)
    then = state(room)
    other.note(2)
    put_back(room, then)
    assert room.verify().valid, "it never saw those rows"
    assert codes(other) == {"audit-tail-cut", "audit-seal-invalid"}
    with pytest.raises(Permanent, match="audit-anchor-mismatch"):
        other.note(1)


def test_rows_in_place_of_those_that_were_put_back_are_found(room: Any, other: Any) -> None:
    then = state(room)
    other.note(2)
    put_back(room, then)
    room.note(4, start=50)
    assert room.verify().valid
    named = [(finding.reason.code, finding.first) for finding in other.verify().findings]
    assert named == [("audit-anchor-contradicted", 5), ("audit-anchor-contradicted", 6)]
    with pytest.raises(Permanent, match="audit-anchor-mismatch"):
        other.note(1)


@pytest.mark.parametrize("signed", ["{}", "none", "older"])
def test_a_seal_that_was_forged_or_put_back_is_named(room: Any, signed: str) -> None:
    room.note(2)
    older = state(room)[1]
    room.note(1)
    with room.database.write() as session:
        row = session.get_one(AuditSeal, 1)
        if signed == "none":
            session.delete(row)
        else:
            row.signed = older if signed == "older" else signed
    assert codes(room) == {"audit-seal-invalid"}
    with pytest.raises(Permanent, match=r"audit-seal-invalid|audit-anchor-mismatch"):
        room.note(1)
    room.trail.begin_new_trail("the seal was altered", PERSON)
    assert room.verify().valid


def test_a_row_that_somebody_without_the_key_appends_is_named(room: Any) -> None:
    from node.audit.chain import row_hash

    room.note(2)
    with room.database.write() as session:
        last = dict(session.execute(select(AuditRow.__table__).where(AuditRow.sequence == 2)).mappings().one())
        forged = {**last, "sequence": 3, "previous_hash": last["hash"]}
        session.execute(AuditRow.__table__.insert(), {**forged, "hash": row_hash(forged)})
    assert codes(room) == {"audit-row-inserted"}


def test_a_new_trail_holds_for_the_other_machine_too(room: Any, other: Any) -> None:
    other.note(1)
    room.sql("DELETE FROM audit_rows WHERE sequence = 5")
    assert not other.verify().valid
    room.trail.begin_new_trail("row 5 was deleted", PERSON)
    other.note(1)
    assert (room.verify().valid, other.verify().valid) == (True, True)


def test_a_machine_joins_only_with_the_key_and_only_a_trail_that_verifies(
    room: Any, room_factory: Callable[..., Any]
) -> None:
    room.note(2)
    url = None if room.database.engine.dialect.name == "sqlite" else room.database.url
    second = room_factory(room.folder, url, "second")
    with pytest.raises(Permanent, match="audit-anchor-missing"):
        second.note(1)
    with pytest.raises(Refusal, match="audit-anchor-there"):
        room.trail.join("again", PERSON)
    room.sql("DELETE FROM audit_rows WHERE sequence = 2")
    with pytest.raises(Permanent, match="audit-seal-invalid"):
        second.trail.join("a second machine", PERSON)
    second.database.close()
