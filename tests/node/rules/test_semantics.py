"""What rules mean together: stop, conflicts, whose scans, when and from whom, and the site's own models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from node.errors import SettingsError
from node.rules import RuleSet, SeriesFacts, StudyFacts, decide
from node.rules.explanation import explain

LoadText = Callable[[str], RuleSet]
StudyOf = Callable[..., StudyFacts]

SLOTS = "slots: {t1: {where: ['body_part == \"HEAD\"']}}"


def rules(*written: str, more: str = "") -> str:
    """Return a rule file of rules whose keys besides slots, pipeline and destinations are given."""
    entries = [f"  - {{{one}, pipeline: synthetic-ct-head, {SLOTS}}}" for one in written]
    return "\n".join(["schema: 1", more, "rules:", *entries, ""])


@pytest.fixture
def head(study_of: StudyOf, mprage: dict[str, Any]) -> StudyFacts:
    return study_of(SeriesFacts("1.2.3.4", mprage, 192))


def fired(ruleset: RuleSet, study: StudyFacts) -> list[str]:
    return [firing.rule for firing in decide(ruleset, study).firings]


def test_all_rules_that_match_fire_unless_one_before_them_stops(load_rules_text: LoadText, head: StudyFacts) -> None:
    first, second = "name: first, destinations: [lab]", "name: second, models: other, destinations: [lab]"
    assert fired(load_rules_text(rules(first, second)), head) == ["first", "second"]
    ruleset = load_rules_text(rules(f"{first}, stop: true", second))
    decision = decide(ruleset, head)
    assert [firing.rule for firing in decision.firings] == ["first"]
    assert decision.rules[1].matched
    assert [rule["stopped_by"] for rule in explain(decision)["rules"]] == [None, "first"]


def test_a_rule_that_does_not_match_stops_nothing(load_rules_text: LoadText, head: StudyFacts) -> None:
    first = "name: first, stop: true, when: ['calling_ae == \"CT9\"'], destinations: [lab]"
    assert fired(load_rules_text(rules(first, "name: second, destinations: [lab]")), head) == ["second"]


@pytest.mark.hazard("HAZ-09")
def test_two_rules_for_one_task_at_one_priority_are_named(load_rules_text: LoadText, head: StudyFacts) -> None:
    first, second = "name: first, destinations: [lab]", "name: second, models: other, destinations: [lab]"
    (conflict,) = decide(load_rules_text(rules(first, second)), head).conflicts
    assert (conflict.rules, conflict.priority) == (("first", "second"), "URGENT")
    (shown,) = explain(decide(load_rules_text(rules(first, second)), head))["conflicts"]
    assert shown["rules"] == ["first", "second"]


@pytest.mark.parametrize(
    "second",
    [
        "name: second, models: other, priority: ROUTINE, destinations: [lab]",  # the more urgent one is first anyway
        "name: second, destinations: [pacs]",  # the same computation for one more destination
    ],
)
def test_other_priorities_and_the_same_computation_are_no_conflict(
    load_rules_text: LoadText, head: StudyFacts, second: str
) -> None:
    assert decide(load_rules_text(rules("name: first, destinations: [lab]", second)), head).conflicts == ()


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize(
    ("mark", "value"),
    [
        ("SeriesDescription", "t1_mprage_phantom"),
        ("StudyDescription", "Daily QA"),
        ("QualityControlImage", "YES"),
        ("ProtocolName", "ACR_T1"),
    ],
)
def test_a_phantom_reaches_no_rule_for_patients(
    load_rules_text: LoadText, study_of: StudyOf, mprage: dict[str, Any], mark: str, value: str
) -> None:
    phantom = study_of(SeriesFacts("1.2.3.4", mprage | {mark: value}, 192))
    patient = study_of(SeriesFacts("1.2.3.4", mprage, 192))
    for scans, of_phantom, of_patient in (
        ("", [], ["r"]),
        ("scans: phantoms, ", ["r"], []),
        ("scans: all, ", ["r"], ["r"]),
    ):
        ruleset = load_rules_text(rules(f"name: r, {scans}destinations: [lab]"))
        assert (fired(ruleset, phantom), fired(ruleset, patient)) == (of_phantom, of_patient)


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("scans", ["phantoms", "all"])
def test_a_rule_that_takes_phantoms_may_send_to_no_clinical_destination(load_rules_text: LoadText, scans: str) -> None:
    with pytest.raises(SettingsError, match="phantoms would reach pacs, which is not marked research"):
        load_rules_text(rules(f"name: r, scans: {scans}, destinations: all"))


@pytest.mark.hazard("HAZ-13")
@pytest.mark.parametrize(
    ("written", "takes"),
    [
        ("", []),
        ("derived: true, ", ["derived"]),
        ("synthetic: true, ", ["synthetic"]),
        ("derived: true, synthetic: true, ", ["derived", "synthetic"]),
    ],
)
def test_derived_and_synthetic_series_fill_a_slot_only_where_the_rule_says_so(
    load_rules_text: LoadText, study_of: StudyOf, mprage: dict[str, Any], written: str, takes: list[str]
) -> None:
    slots = SLOTS.replace("where", f"{written}where")
    ruleset = load_rules_text(rules("name: r, destinations: [lab]").replace(SLOTS, slots))
    derived = {"ImageType": ["DERIVED", "PRIMARY"]}
    marks = {"derived": derived, "synthetic": derived | {"SyntheticData": "YES"}}
    found = [name for name, mark in marks.items() if fired(ruleset, study_of(SeriesFacts("1", mprage | mark, 192)))]
    assert found == takes
    assert not fired(ruleset, study_of(SeriesFacts("1", mprage | marks["synthetic"], 192, own=True)))


def test_the_hour_the_day_and_the_source_may_be_asked(load_rules_text: LoadText, head: StudyFacts) -> None:
    when = 'when: [\'hour >= 18.5 || weekday in ["SAT", "SUN"]\', \'source == "mr1"\']'
    ruleset = load_rules_text(rules(f"name: night, {when}, destinations: [lab]"))
    zone = timezone(timedelta(hours=1))
    for at, source, matches in (
        (datetime(2026, 3, 2, 18, 29, tzinfo=zone), "mr1", False),  # a Monday
        (datetime(2026, 3, 2, 18, 30, tzinfo=zone), "mr1", True),
        (datetime(2026, 3, 7, 9, 0, tzinfo=zone), "mr1", True),
        (datetime(2026, 3, 7, 9, 0, tzinfo=zone), "", False),
        (None, "mr1", False),
    ):
        assert bool(fired(ruleset, replace(head, received_at=at, source=source))) is matches
    missed = decide(ruleset, replace(head, source="mr1"))
    assert "hour is missing" in missed.nearest_miss


def test_the_sites_model_is_taken_where_a_rule_names_none(load_rules_text: LoadText) -> None:
    written = rules(
        "name: first, destinations: [lab]",
        "name: second, models: own, destinations: [lab]",
        more="models: {synthetic-ct-head: ours}",
    )
    assert [dict(rule.models) for rule in load_rules_text(written).rules] == [
        {"generator": "ours"},
        {"generator": "own"},
    ]


@pytest.mark.parametrize(
    ("models", "told"),
    [("{synthetic-ct-hed: x}", "did you mean synthetic-ct-head"), ("{synthetic-ct-head: {gen: x}}", "has no role gen")],
)
def test_a_site_model_of_nothing_is_found(load_rules_text: LoadText, models: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        load_rules_text(rules("name: first, destinations: [lab]", more=f"models: {models}"))
