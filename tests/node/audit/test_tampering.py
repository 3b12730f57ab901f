"""Whatever is done to the rows behind the trail's back, the verification says what and where."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from node.audit.chain import Mark, row_hash
from node.audit.tables import AuditRow, AuditSeal
from node.reasons import TEXTS, text

ROWS = 12
COLUMNS = [column.name for column in AuditRow.__table__.columns if column.name != "sequence"]

numbers = st.integers(1, ROWS)
garbage = st.one_of(st.text(max_size=8), st.integers(-(2**40), 2**40), st.binary(max_size=8), st.floats())

pytestmark = [
    pytest.mark.hazard("HAZ-12"),
]

quiet = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, room_factory: Callable[[Path], Any]) -> Path:
    """Return a folder with a sound trail of `ROWS` rows, to be copied."""
    made = room_factory(tmp_path_factory.mktemp("written"))
    made.note(ROWS)
    assert made.verify().valid
    made.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    made.database.close()
    return made.folder


@pytest.fixture
def fresh(written: Path, tmp_path: Path, room_factory: Callable[[Path], Any]) -> Callable[[], Any]:
    counter = iter(range(10**6))

    def copy() -> Any:
        return room_factory(Path(shutil.copytree(written, tmp_path / str(next(counter)))))

    return copy


def rows(room: Any) -> list[dict[str, Any]]:
    with room.database.read() as session:
        return [dict(row) for row in session.execute(select(AuditRow.__table__).order_by("sequence")).mappings()]


def put(room: Any, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    room.sql(f"INSERT INTO audit_rows ({names}) VALUES ({', '.join('?' * len(row))})", *row.values())


def seal_of(room: Any) -> str:
    with room.database.read() as session:
        return str(session.scalars(select(AuditSeal.signed)).one())


def rechained(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return `content` numbered and hashed anew throughout, as someone would who knows the code but not the key."""
    head = "0" * 64
    done = []
    for number, row in enumerate(content, start=1):
        row = {**row, "sequence": number, "previous_hash": head}
        head = row["hash"] = row_hash(row)
        done.append(row)
    return done


def found(room: Any) -> list[tuple[str, int | None, int | None]]:
    report = room.verify()
    room.database.close()
    assert report.valid == (not report.findings)
    for finding in report.findings:
        assert finding.reason.code in TEXTS
        assert finding.reason.code not in text(finding.reason)
    return [(finding.reason.code, finding.first, finding.last) for finding in report.findings]


@quiet
@example(number=5, column="hash", value="00")
@example(number=ROWS, column="hash", value="00")
@example(number=5, column="previous_hash", value="00")
@given(number=numbers, column=st.sampled_from(COLUMNS), value=garbage)
def test_an_altered_column_names_its_row(fresh: Callable[[], Any], number: int, column: str, value: object) -> None:
    room = fresh()
    before = rows(room)
    room.sql(f"UPDATE OR IGNORE audit_rows SET {column} = ? WHERE sequence = ?", value, number)
    if rows(room) != before:
        assert ("audit-row-altered", number, number) in found(room)


@quiet
@given(number=numbers, column=st.sampled_from(["actor_name", "study_uid", "outcome", "details"]))
def test_an_altered_row_with_its_own_hash_made_anew_is_named(
    fresh: Callable[[], Any], number: int, column: str
) -> None:
    room = fresh()
    row = {**rows(room)[number - 1], column: "forged"}
    room.sql(f"UPDATE audit_rows SET {column} = 'forged', hash = ? WHERE sequence = ?", row_hash(row), number)
    if number == ROWS:
        # Nothing follows it; that the row before it is the anchored one narrows it to this row.
        assert found(room) == [("audit-chain-recomputed", ROWS, ROWS)]
    else:
        assert found(room) == [("audit-row-altered", number, number)]


def test_a_text_that_is_none_is_named_and_does_not_stop_the_verification(fresh: Callable[[], Any]) -> None:
    room = fresh()
    room.sql("UPDATE audit_rows SET details = CAST(X'FFFE' AS TEXT) WHERE sequence = 4")
    room.sql("UPDATE audit_rows SET actor_name = 'x' WHERE sequence = 9")
    assert found(room) == [("audit-row-altered", 4, 4), ("audit-row-altered", 9, 9)]


@quiet
@given(gone=st.sets(numbers, min_size=1, max_size=4))
def test_deleted_rows_are_named(fresh: Callable[[], Any], gone: set[int]) -> None:
    room = fresh()
    for number in gone:
        room.sql("DELETE FROM audit_rows WHERE sequence = ?", number)
    named = {
        number
        for code, first, last in found(room)
        if code in ("audit-row-deleted", "audit-tail-cut") and first is not None and last is not None
        for number in range(first, last + 1)
    }
    assert named == gone


@quiet
@given(number=st.integers(1, ROWS - 1))
def test_a_deleted_row_is_named_when_the_rest_is_renumbered(fresh: Callable[[], Any], number: int) -> None:
    room = fresh()
    room.sql("DELETE FROM audit_rows WHERE sequence = ?", number)
    room.sql("UPDATE audit_rows SET sequence = -sequence + 1 WHERE sequence > ?", number)
    room.sql("UPDATE audit_rows SET sequence = -sequence WHERE sequence < 0")
    assert ("audit-row-deleted", number, number) in found(room)


@quiet
@given(keep=st.integers(0, ROWS - 1))
def test_a_cut_tail_is_found(fresh: Callable[[], Any], keep: int) -> None:
    room = fresh()
    room.sql("DELETE FROM audit_rows WHERE sequence > ?", keep)
    expected = ("audit-tail-cut", keep + 1, ROWS) if keep else ("audit-database-empty", 1, ROWS)
    assert expected in found(room)


@quiet
@given(number=st.integers(1, ROWS + 1), linked=st.booleans())
def test_an_inserted_row_is_named(fresh: Callable[[], Any], number: int, linked: bool) -> None:
    room = fresh()
    content = rows(room)
    room.sql("UPDATE audit_rows SET sequence = -sequence - 1 WHERE sequence >= ?", number)
    room.sql("UPDATE audit_rows SET sequence = -sequence WHERE sequence < 0")
    forged = {**content[0], "sequence": number, "actor_name": "nobody"}
    if linked:
        forged["previous_hash"] = content[number - 2]["hash"] if number > 1 else "0" * 64
        forged["hash"] = row_hash(forged)
    put(room, forged)
    inserted = [finding for finding in found(room) if finding[0] == "audit-row-inserted"]
    assert inserted == [("audit-row-inserted", number, number)]


def test_a_renumbered_and_altered_row_is_named_beside_an_inserted_one(fresh: Callable[[], Any]) -> None:
    room = fresh()
    content = rows(room)
    room.sql("UPDATE audit_rows SET sequence = -sequence - 1 WHERE sequence >= 4")
    room.sql("UPDATE audit_rows SET sequence = -sequence WHERE sequence < 0")
    put(room, {**content[0], "sequence": 4, "hash": "none"})
    room.sql("UPDATE audit_rows SET actor_name = 'nobody' WHERE sequence = 9")
    named = found(room)
    assert [finding for finding in named if finding[0] != "audit-row-renumbered"] == [
        ("audit-row-inserted", 4, 4),
        ("audit-row-altered", 9, 9),
    ]


@pytest.mark.parametrize("number", [0, -1, ROWS + 1, ROWS + 1000])
def test_a_row_put_outside_the_numbers_is_named(fresh: Callable[[], Any], number: int) -> None:
    room = fresh()
    put(room, {**rows(room)[0], "sequence": number})
    assert ("audit-row-inserted", number, number) in found(room)


@quiet
@given(pair=st.lists(numbers, min_size=2, max_size=2, unique=True))
def test_two_rows_that_changed_places_are_named(fresh: Callable[[], Any], pair: list[int]) -> None:
    room = fresh()
    one, other = pair
    room.sql("UPDATE audit_rows SET sequence = -1 WHERE sequence = ?", one)
    room.sql("UPDATE audit_rows SET sequence = ? WHERE sequence = ?", one, other)
    room.sql("UPDATE audit_rows SET sequence = ? WHERE sequence = -1", other)
    assert {first for _, first, _ in found(room)} == set(pair)


@quiet
@given(number=numbers, drop=st.booleans())
def test_a_chain_made_anew_from_a_row_on_is_found(fresh: Callable[[], Any], number: int, drop: bool) -> None:
    room = fresh()
    content = rows(room)
    if drop:
        del content[number - 1]
    else:
        content[number - 1]["actor_name"] = "nobody"
    room.sql("DELETE FROM audit_rows")
    for row in rechained(content):
        put(room, row)
    (finding,) = found(room)
    if drop:
        assert finding == ("audit-tail-cut", ROWS, ROWS)
    else:
        code, first, last = finding
        assert code == "audit-chain-recomputed"
        assert first is not None
        assert first <= number <= ROWS == last


def test_a_chain_made_anew_that_leaves_out_a_number_names_it(fresh: Callable[[], Any]) -> None:
    room = fresh()
    content = rows(room)
    del content[4]
    head = "0" * 64
    room.sql("DELETE FROM audit_rows")
    for row in content:
        row["previous_hash"] = head
        head = row["hash"] = row_hash(row)
        put(room, row)
    assert ("audit-row-deleted", 5, 5) in found(room)


@pytest.mark.hazard("HAZ-19")
def test_a_mark_noted_elsewhere_shows_anchor_and_database_put_back_together(fresh: Callable[[], Any]) -> None:
    from node.audit.verify import verify

    room = fresh()
    old, seal = room.anchor.file.read_bytes(), seal_of(room)
    room.note(3, start=ROWS)
    noted = room.verify().found
    room.anchor.file.write_bytes(old)
    room.sql("DELETE FROM audit_rows WHERE sequence > ?", ROWS)
    room.sql("UPDATE audit_seal SET signed = ?", seal)
    assert room.verify().valid, "no HMAC can tell an old truth from a new one; docs/hazards.md says so"
    report = verify(room.database, room.anchor, witnessed=[noted])
    assert [finding.reason.code for finding in report.findings] == ["audit-witness-contradicted"]
    assert not verify(room.database, room.anchor, witnessed=[Mark(2, "f" * 64)]).valid


def test_identifiers_that_were_changed_or_taken_away_are_found(fresh: Callable[[], Any]) -> None:
    room = fresh()
    room.sql("UPDATE audit_identities SET name = 'Roe^Jane' WHERE patient_id = 'PID1'")
    room.sql("DELETE FROM audit_identities WHERE patient_id = 'PID2'")
    assert [(code, first) for code, first, _ in found(room)] == [
        ("audit-identity-altered", 2),
        ("audit-identity-missing", 3),
    ]
