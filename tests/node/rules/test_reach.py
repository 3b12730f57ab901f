"""What can never match is found from the rules alone, and nothing is called impossible that can happen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.rules import RuleSet
from node.rules.conditions import Condition, Ternary
from node.rules.limits import contradictions, exclude_each_other, limits_of
from node.rules.reach import find_unreachable
from node.rules.ruleset import SERIES_FACTS
from node.rules.subject import Subject

LoadText = Callable[[str], RuleSet]

PARTS = st.sampled_from(
    [
        "EchoTime > 20",
        "EchoTime <= 20",
        "EchoTime < 10.5",
        "20 < EchoTime",
        "EchoTime == 15",
        "EchoTime != 15",
        'Modality == "MR"',
        'Modality == "CT"',
        'Modality in ["MR", "PT"]',
        '!(Modality in ["MR", "PT"])',
        "is_axial",
        "!is_axial",
        "is_axial == false",
        '"P" in ImageType',
        '!("P" in ImageType)',
        'SeriesDescription.contains("T1")',
        '!SeriesDescription.contains("T1")',
        'weighting == "T1"',
        'weighting != "T1"',
        "instance_count >= 40 && instance_count < 100",
        "!(instance_count >= 40 || is_axial)",
        'Modality == "MR" || EchoTime > 20',
        'body_part == "HEAD"',
    ]
)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "EchoTime": st.sampled_from([5.0, 10.5, 15.0, 20.0, 25.0]),
        "Modality": st.sampled_from(["MR", "CT", "PT"]),
        "is_axial": st.booleans(),
        "ImageType": st.sampled_from([["ORIGINAL", "P"], ["ORIGINAL", "M"], []]),
        "SeriesDescription": st.sampled_from(["T1 ax", "T2"]),
        "weighting": st.sampled_from(["T1", "T2"]),
        "instance_count": st.sampled_from([1, 40, 99, 100]),
        "body_part": st.sampled_from(["HEAD", "NECK"]),
    },
)


def all_hold(conditions: list[str], values: dict[str, Any]) -> bool:
    checked = [Condition.checked(text, SERIES_FACTS, keywords=True) for text in conditions]
    return all(Subject(values).judge(one).verdict is Ternary.TRUE for one in checked)


@given(st.lists(PARTS, min_size=1, max_size=4), VALUES)
@settings(max_examples=150, deadline=None)
def test_what_can_hold_is_never_called_impossible(conditions: list[str], values: dict[str, Any]) -> None:
    if all_hold(conditions, values):
        assert not list(contradictions(limits_of(conditions)))


@given(st.lists(PARTS, max_size=3), st.lists(PARTS, max_size=3), VALUES)
@settings(max_examples=150, deadline=None)
def test_what_can_hold_at_once_is_never_called_exclusive(
    first: list[str], second: list[str], values: dict[str, Any]
) -> None:
    if all_hold([*first, *second], values):
        assert not exclude_each_other(limits_of(first), limits_of(second))


@pytest.mark.parametrize(
    "conditions",
    [
        ["EchoTime > 20", "EchoTime < 20"],
        ["EchoTime > 20", "EchoTime <= 20"],
        ["EchoTime == 15", "EchoTime > 20"],
        ['Modality == "MR"', 'Modality == "CT"'],
        ['Modality in ["CT", "PT"]', 'Modality == "MR"'],
        ["is_axial", "!is_axial"],
        ["is_axial && !is_axial"],
        ['"P" in ImageType', '!("P" in ImageType)'],
        ['SeriesDescription.contains("T1")', '!SeriesDescription.contains("T1")'],
        ['body_part == "BRAIN"'],
        ['weighting in ["T1W", "T2W"]'],
        ['weekday == "Monday"'],
        ["hour >= 18", "hour < 6"],
    ],
)
def test_what_contradicts_is_found(conditions: list[str]) -> None:
    assert list(contradictions(limits_of(conditions)))


def written(*rules: str) -> str:
    return "\n".join(["schema: 1", "rules:", *(f"  - {{{one}, pipeline: synthetic-ct-head}}" for one in rules), ""])


def rule(name: str, *where: str, more: str = "") -> str:
    conditions = ", ".join(f"'{one}'" for one in where)
    return f"name: {name}, {more} slots: {{t1: {{where: [{conditions}]}}}}, destinations: [lab]"


HEAD = 'body_part == "HEAD"'


def found(load: LoadText, *rules: str) -> list[tuple[str, str, str, str]]:
    findings = find_unreachable(load(written(*rules)).rules)
    return [(one.severity, one.rule, one.key, str(one)) for one in findings]


@pytest.mark.hazard("HAZ-25")
def test_a_slot_that_nothing_can_fill_is_found(load_rules_text: LoadText) -> None:
    ((severity, name, key, said),) = found(load_rules_text, rule("head", HEAD, 'Modality == "CT"'))
    assert (severity, name, key) == ("error", "head", "slots.t1.where")
    assert 'Modality == "MR" and Modality == "CT"' in said
    assert "no series can fill the slot t1" in said


@pytest.mark.hazard("HAZ-25")
def test_a_value_that_a_fact_never_has_is_found(load_rules_text: LoadText) -> None:
    ((severity, _, _, said),) = found(load_rules_text, rule("head", 'body_part == "BRAIN"'))
    assert severity == "error"
    assert "write a value that there is" in said


def test_a_rule_that_no_study_meets_is_found(load_rules_text: LoadText) -> None:
    when = "when: ['calling_ae == \"MR1\"', 'calling_ae == \"MR2\"'],"
    ((severity, _, key, said),) = found(load_rules_text, rule("head", HEAD, more=when))
    assert (severity, key) == ("error", "when")
    assert "no study can meet the rule" in said


@pytest.mark.hazard("HAZ-25")
def test_a_rule_behind_one_that_stops_is_found(load_rules_text: LoadText) -> None:
    wide, narrow = rule("wide", HEAD, more="stop: true,"), rule("narrow", HEAD, "instance_count > 40")
    (one,) = [one for one in found(load_rules_text, wide, narrow) if one[0] == "error"]
    assert one[1] == "narrow"
    assert "wide matches whenever this one does" in one[3]
    assert not [one for one in found(load_rules_text, narrow, wide) if one[0] == "error"]
    other = rule("other", HEAD, more="when: ['called_ae == \"A\"'], stop: true,")
    assert not [one for one in found(load_rules_text, other, narrow) if one[0] == "error"]


@pytest.mark.hazard("HAZ-25")
def test_rules_that_may_order_one_task_twice_are_named(load_rules_text: LoadText) -> None:
    first = rule("first", HEAD, "instance_count > 40")
    ((severity, name, _, said),) = found(load_rules_text, first, rule("second", HEAD, more="models: other,"))
    assert (severity, name) == ("warning", "second")
    assert "rule first" in said


@pytest.mark.parametrize(
    "second",
    [
        rule("second", HEAD, "instance_count <= 40", more="models: other,"),  # never the same series
        rule("second", HEAD, more="priority: ROUTINE, models: other,"),
        rule("second", HEAD, "instance_count > 40"),  # the same computation
        rule("second", HEAD, more="when: ['calling_ae == \"MR2\"'], models: other,"),
    ],
)
def test_rules_that_cannot_are_not(load_rules_text: LoadText, second: str) -> None:
    when = "when: ['calling_ae == \"MR1\"']," if "MR2" in second else ""
    assert not found(load_rules_text, rule("first", HEAD, "instance_count > 40", more=when), second)


def test_an_earlier_rule_that_stops_leaves_no_overlap(load_rules_text: LoadText) -> None:
    first = rule("first", HEAD, "instance_count > 40", more="stop: true,")
    assert not found(load_rules_text, first, rule("second", HEAD, more="models: other,"))
