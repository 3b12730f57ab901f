"""Versions of the rule set: imported by people, activated by an act of its own, never changed, and taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from postgresql import BOTH_DATABASES
from sqlalchemy import select

from node.actor import Actor, Role
from node.audit.tables import AuditRow
from node.errors import Refusal, SettingsError
from node.reasons import text as sentence
from node.rules.versions import Versions, difference

pytestmark = BOTH_DATABASES

ADMINISTRATOR = Actor.person("a.lovelace", [Role.ADMINISTRATOR])


def audited(rooms: Any, code: str) -> list[tuple[str, str, dict[str, Any]]]:
    with rooms.node.database.read() as session:
        rows = session.scalars(select(AuditRow).filter_by(code=code).order_by(AuditRow.sequence))
        return [(row.actor_name, row.outcome, json.loads(row.details)) for row in rows]


def draft(rooms: Any, text: str, note: str = "tried") -> int:
    return rooms.node.rules.import_draft("new.yaml", text.encode(), ADMINISTRATOR, note).number


def active(rooms: Any) -> int | None:
    with rooms.node.database.read() as session:
        return Versions(session).active_number


def test_the_first_start_imports_and_activates_and_later_ones_change_nothing(rooms, tmp_path) -> None:
    assert active(rooms) == 1
    (tmp_path / "rules.yaml").write_text(rooms.rules.replace("every-mr", "other"))
    assert rooms.node.rules.seed(tmp_path / "rules.yaml") is None
    assert rooms.node.rules.seed(tmp_path / "nowhere.yaml") is None
    with rooms.node.database.read() as session:
        (version,) = Versions(session).all()
    assert (version.content, version.author) == (rooms.rules, "service:supervisor")
    assert version.parsed["rules"][0]["name"] == "every-mr"
    assert [act[2]["act"] for act in audited(rooms, "rules-activated")] == ["seed"]


@pytest.mark.hazard("HAZ-25")
def test_a_draft_decides_nothing_until_it_is_activated(rooms) -> None:
    number = draft(rooms, rooms.rules.replace("every-mr", "other"), "another name")
    assert (number, active(rooms)) == (2, 1)
    assert rooms.node.active_rules.read().ruleset.rules[0].name == "every-mr"
    assert audited(rooms, "rules-imported")[-1][2]["note"] == "another name"
    rooms.node.rules.activate(number, ADMINISTRATOR, "agreed on Monday")
    assert rooms.node.active_rules.read().ruleset.rules[0].name == "other"
    who, outcome, details = audited(rooms, "rules-activated")[-1]
    assert (who, outcome, details["number"], details["replaced"]) == ("a.lovelace", "success", 2, 1)


def test_one_step_back_and_back_again(rooms) -> None:
    with pytest.raises(Refusal, match="rules-nothing-before"):
        rooms.node.rules.return_to_previous(ADMINISTRATOR, "no")
    rooms.activate_rules(rooms.rules.replace("every-mr", "other"))
    assert rooms.node.rules.return_to_previous(ADMINISTRATOR, "it took too much").number == 1
    assert active(rooms) == 1
    assert rooms.node.rules.return_to_previous(ADMINISTRATOR, "it did not").number == 2
    assert [act[2]["act"] for act in audited(rooms, "rules-activated")] == ["seed", "activate", "return", "return"]


@pytest.mark.hazard("HAZ-25")
def test_a_version_with_an_error_is_imported_and_not_activated(rooms) -> None:
    found = rooms.node.rules.import_draft(
        "new.yaml", rooms.rules.replace("all", "[nowhere]").encode(), ADMINISTRATOR, "typo"
    )
    assert [finding.key for finding in found.findings] == ["destinations"]
    with pytest.raises(Refusal, match="rules-not-activated") as refused:
        rooms.node.rules.activate(found.number, ADMINISTRATOR, "unseen")
    assert "unknown destination nowhere" in sentence(refused.value.reason)
    assert active(rooms) == 1
    assert audited(rooms, "rules-activated")[-1][1:] == (
        "failure",
        {"number": 2, "act": "activate", "reason": "rules-not-activated"},
    )


@pytest.mark.parametrize("text", ["schema: 1\nrules: [", "schema: 1\n\trules: []", "schema: 1\nrules: []", "\0"])
def test_what_is_no_rule_file_is_no_version(rooms, text: str) -> None:
    with pytest.raises(SettingsError):
        draft(rooms, text)
    with rooms.node.database.read() as session:
        assert Versions(session).latest_number == 1


def test_the_same_file_is_no_second_version(rooms) -> None:
    with pytest.raises(Refusal, match="rules-version-known") as refused:
        draft(rooms, rooms.rules)
    assert "version 1" in sentence(refused.value.reason)


@pytest.mark.parametrize("role", [Role.PHYSICIST, Role.PLANNER, Role.AUDITOR])
def test_only_an_administrator_activates(rooms, role: Role) -> None:
    number = draft(rooms, rooms.rules + "# new\n")
    for act in (
        lambda by: rooms.node.rules.activate(number, by, "x"),
        lambda by: rooms.node.rules.return_to_previous(by, "x"),
    ):
        with pytest.raises(Refusal, match="access-denied"):
            act(Actor.person("somebody", [role]))
    assert active(rooms) == 1
    assert [row[2]["permission"] for row in audited(rooms, "access-refused")] == ["activate-rules"] * 2


def test_an_unknown_version_a_missing_note_and_the_active_version_are_refused(rooms) -> None:
    for number, note, code in ((7, "x", "rules-version-unknown"), (1, "x", "rules-active-already")):
        with pytest.raises(Refusal, match=code):
            rooms.node.rules.activate(number, ADMINISTRATOR, note)
    number = draft(rooms, rooms.rules + "# new\n")
    with pytest.raises(Refusal, match="rules-need-note"):
        rooms.node.rules.activate(number, ADMINISTRATOR, " ")
    with pytest.raises(Refusal, match="rules-need-note"):
        draft(rooms, rooms.rules + "# newer\n", "")


@pytest.mark.hazard("HAZ-25")
def test_of_two_people_who_activate_at_once_one_is_told(rooms) -> None:
    drafts = [draft(rooms, rooms.rules + f"# {number}\n") for number in range(2)]
    ends = rooms.at_once(*(lambda node, one=one: node.rules.activate(one, ADMINISTRATOR, "mine") for one in drafts))
    assert sorted(ends) in (["", ""], ["", "rules-active-changed"])
    with rooms.node.database.read() as session:
        acts = Versions(session).activations()
    # Either one saw the other's version as the active one, or it was refused: nobody replaces what they did not see.
    assert [act.replaced for act in acts] == [*[act.number for act in acts[1:]], None]
    assert len(acts) == 2 + ends.count("") - 1


@pytest.mark.hazard("HAZ-25")
def test_who_saw_another_version_in_force_is_refused(rooms, monkeypatch) -> None:
    first, second = (draft(rooms, rooms.rules + f"# {number}\n") for number in range(2))
    check = rooms.node.rules.check_version

    def check_while_another_activates(number):
        if number == first:
            rooms.node.rules.activate(second, ADMINISTRATOR, "quicker")
        return check(number)

    monkeypatch.setattr(rooms.node.rules, "check_version", check_while_another_activates)
    with pytest.raises(Refusal, match="rules-active-changed") as refused:
        rooms.node.rules.activate(first, ADMINISTRATOR, "slower")
    assert active(rooms) == second
    assert f"version {second}" in sentence(refused.value.reason)


def test_a_version_says_how_it_differs(rooms) -> None:
    number = draft(rooms, rooms.rules.replace("every-mr", "other"))
    with rooms.node.database.read() as session:
        versions = Versions(session)
        said = difference(versions.version(1), versions.version(number))
        first = difference(None, versions.version(1))
    assert "-  - name: every-mr\n+  - name: other" in said
    assert "+  - name: every-mr" in first


def test_a_version_is_looked_at_again_when_what_it_names_is_there(rooms, monkeypatch) -> None:
    known = rooms.node.known_to_rules()
    monkeypatch.setattr(rooms.node.active_rules, "_known", lambda: replace(known, packages={}))
    with pytest.raises(SettingsError, match="rules-unusable") as refused:
        rooms.node.active_rules.read()
    assert "model head-mr-to-ct is not installed" in sentence(refused.value.reason)
    monkeypatch.setattr(rooms.node.active_rules, "_known", lambda: known)
    rooms.clock.advance(31)
    assert rooms.node.active_rules.read().number == 1
