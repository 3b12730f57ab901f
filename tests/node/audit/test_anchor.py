"""The anchor: forged, missing, exposed, torn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.actor import Actor, Role
from node.audit.anchor import SLOT_BYTES, Anchor
from node.errors import Permanent

pytestmark = pytest.mark.hazard("HAZ-12")


def codes(room: Any) -> list[str]:
    return [finding.reason.code for finding in room.verify().findings]


def test_before_the_first_row_nothing_is_wrong(room: Any) -> None:
    assert room.verify().valid


def test_key_and_anchor_are_for_the_owner_alone(room: Any) -> None:
    room.note(1)
    assert [file.stat().st_mode & 0o777 for file in (room.anchor.key_file, room.anchor.file)] == [0o600, 0o600]


def test_a_missing_anchor_is_named(room: Any) -> None:
    room.note(3)
    room.anchor.file.unlink()
    assert codes(room) == ["audit-anchor-missing"]
    with pytest.raises(Permanent, match="audit-anchor-missing"):
        room.note(1)


def test_anchor_and_database_gone_while_the_key_is_there_is_no_first_start(room: Any) -> None:
    room.note(3)
    room.anchor.file.unlink()
    room.sql("DELETE FROM audit_rows")
    room.sql("DELETE FROM audit_identities")
    room.sql("DELETE FROM audit_seal")
    assert codes(room) == ["audit-anchor-missing"]


@pytest.mark.parametrize("content", [b"", b"{}", b"x" * 3 * SLOT_BYTES, b"[1]" + b" " * 20000])
def test_a_forged_anchor_is_named(room: Any, content: bytes) -> None:
    room.note(3)
    room.anchor.file.write_bytes(content)
    assert codes(room) == ["audit-anchor-forged"]


def test_an_anchor_altered_in_one_digit_is_named(room: Any) -> None:
    room.note(3)
    content = room.anchor.file.read_bytes()
    room.anchor.file.write_bytes(content.replace(b'"count": 3', b'"count": 2'))
    assert "audit-anchor-damaged" in codes(room)


def test_another_key_is_named(room: Any) -> None:
    room.note(3)
    room.anchor.key_file.write_bytes(b"k" * 32)
    assert codes(room) == ["audit-anchor-forged"]


def test_a_missing_key_is_named(room: Any) -> None:
    room.note(3)
    room.anchor.key_file.unlink()
    assert codes(room) == ["audit-key-missing"]


def test_a_key_that_others_may_read_is_refused(room: Any) -> None:
    room.note(3)
    room.anchor.key_file.chmod(0o640)
    assert codes(room) == ["audit-key-exposed"]


@pytest.mark.parametrize("trouble", ["anchor", "key", "both", "forged"])
def test_a_new_trail_begins_after_the_anchor_was_lost(room: Any, trouble: str) -> None:
    room.note(3)
    if trouble in ("anchor", "both"):
        room.anchor.file.unlink()
    if trouble in ("key", "both"):
        room.anchor.key_file.unlink()
    if trouble == "forged":
        room.anchor.file.write_bytes(b"forged")
    room.trail.begin_new_trail("lost", Actor.person("physicist", Role))
    room.note(1)
    report = room.verify()
    assert (report.valid, report.since, report.rows) == (True, 3, 2)
    kept = [file for file in room.anchor.file.parent.iterdir() if file.name.startswith("audit.anchor.")]
    assert len(kept) == (1 if trouble in ("anchor", "both") else 2)  # the lock, and the old anchor where there was one


@pytest.mark.hazard("HAZ-20")
@pytest.mark.parametrize("slot", range(2))
def test_a_torn_slot_is_named_and_mended_by_the_next_rows(room: Any, slot: int) -> None:
    room.note(3)
    content = bytearray(room.anchor.file.read_bytes())
    content[slot * SLOT_BYTES : slot * SLOT_BYTES + 100] = bytes(100)
    room.anchor.file.write_bytes(content)
    assert "audit-anchor-damaged" in codes(room)
    room.note(2)
    assert room.verify().valid


def test_making_key_and_anchor_may_be_cut_short(tmp_path: Path, room: Any) -> None:
    room.anchor.key_file.parent.mkdir()
    unnamed = room.anchor.key_file.with_name("audit.key.new")
    unnamed.write_bytes(b"half")
    room.note(1)
    assert room.verify().valid
    made = Anchor(tmp_path / "other.anchor", tmp_path / "other.key")
    made.create()
    made.key_file.rename(made.key_file.with_name("other.key.new"))
    assert made.unmade
    made.create()
    assert made.read().seal.holds_nothing()


def test_an_older_seal_never_takes_the_place_of_a_newer_one(room: Any) -> None:
    room.note(1)
    first = room.anchor.read().seal
    room.note(2)
    newest = room.anchor.read()
    room.anchor.advance(first)  # as of a process that committed earlier and comes here later
    assert room.anchor.read() == newest


@pytest.mark.hazard("HAZ-20")
def test_an_anchor_that_cannot_be_written_stops_the_change(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    room.note(1)

    def refuse() -> int:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(room.anchor, "_open", refuse)
        with pytest.raises(PermissionError):
            room.note(1)
    assert room.verify().rows == 1
