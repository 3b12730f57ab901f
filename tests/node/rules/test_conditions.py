"""Conditions: three values as Kleene's table has them, and nothing unbounded."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.rules.conditions import Condition, Ternary
from node.rules.ruleset import SERIES_FACTS
from node.rules.subject import Subject
from node.rules.types import ConditionError

NAMES = ("EchoTime", "RepetitionTime", "FlipAngle")
UNKNOWN = Ternary.UNKNOWN


def checked(text: str) -> Condition:
    return Condition.checked(text, SERIES_FACTS, keywords=True)


def verdict(text: str, **values: Any) -> Ternary:
    return Subject(values).judge(checked(text)).verdict


def kleene_not(a: Ternary) -> Ternary:
    return {Ternary.TRUE: Ternary.FALSE, Ternary.FALSE: Ternary.TRUE}.get(a, UNKNOWN)


def kleene_and(a: Ternary, b: Ternary) -> Ternary:
    if Ternary.FALSE in (a, b):
        return Ternary.FALSE
    return UNKNOWN if UNKNOWN in (a, b) else Ternary.TRUE


def kleene_or(a: Ternary, b: Ternary) -> Ternary:
    return kleene_not(kleene_and(kleene_not(a), kleene_not(b)))


def atom(name: str) -> st.SearchStrategy[tuple[str, Any]]:
    def by_table(values: dict[str, float]) -> Ternary:
        if name not in values:
            return UNKNOWN
        return Ternary.TRUE if values[name] > 5 else Ternary.FALSE

    return st.just((f"{name} > 5.0", by_table))


def combined(inner: st.SearchStrategy[tuple[str, Any]]) -> st.SearchStrategy[tuple[str, Any]]:
    def negated(a: tuple[str, Any]) -> tuple[str, Any]:
        return f"!({a[0]})", lambda values: kleene_not(a[1](values))

    def joined(parts: tuple[tuple[str, Any], tuple[str, Any], str]) -> tuple[str, Any]:
        a, b, operator = parts
        table = kleene_and if operator == "&&" else kleene_or
        return f"({a[0]} {operator} {b[0]})", lambda values: table(a[1](values), b[1](values))

    return st.one_of(inner.map(negated), st.tuples(inner, inner, st.sampled_from(["&&", "||"])).map(joined))


expressions = st.recursive(st.sampled_from(NAMES).flatmap(atom), combined, max_leaves=8)
headers = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1.0, 9.0]))


@given(expressions, headers)
def test_every_expression_follows_the_three_valued_table(expression: tuple[str, Any], values: dict[str, float]) -> None:
    text, by_table = expression
    if len(text) <= 500:
        assert Subject(values).judge(checked(text)).verdict is by_table(values)


@given(expressions, headers, headers)
def test_filling_in_what_is_missing_never_turns_an_answer_round(
    expression: tuple[str, Any], values: dict[str, float], more: dict[str, float]
) -> None:
    text, _ = expression
    if len(text) <= 500:
        before = Subject(values).judge(checked(text)).verdict
        after = Subject({**more, **values}).judge(checked(text)).verdict
        assert before in (UNKNOWN, after)


def test_a_missing_attribute_matches_neither_the_condition_nor_its_negation() -> None:
    judged = Subject({}).judge(checked('BodyPartExamined == "HEAD"'))
    assert judged.verdict is UNKNOWN
    assert judged.missing == ("BodyPartExamined",)
    assert verdict('!(BodyPartExamined == "HEAD")') is UNKNOWN
    assert verdict('BodyPartExamined != "HEAD"') is UNKNOWN


def test_a_value_of_another_type_leaves_the_condition_open() -> None:
    assert verdict("EchoTime < 5.0", EchoTime="short") is UNKNOWN
    assert verdict("1 / instance_count > 1", instance_count=0) is UNKNOWN


def test_the_judgement_says_what_was_seen_and_what_is_wanted() -> None:
    judged = Subject({"Modality": "CT", "Rows": 3}).judge(checked('Modality == "MR" && EchoTime < 5'))
    assert (judged.verdict, judged.seen, judged.missing) == (Ternary.FALSE, {"Modality": "CT"}, ("EchoTime",))
    assert judged.wanted == "Modality MR and EchoTime under 5"
    assert judged.describe() == ("Modality == \"MR\" && EchoTime < 5 is false (Modality is 'CT', EchoTime is missing)")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("!is_derived", "is_derived false"),
        ("is_axial", "is_axial true"),
        ("5 <= instance_count", "instance_count at least 5"),
        ("!(instance_count > 5)", "instance_count at most 5"),
        ('!("P" in ImageType)', "no P in ImageType"),
        ('body_part in ["HEAD", "NECK"]', "body_part one of HEAD, NECK"),
        ("Rows > 3 && (Columns > 3 && Modality != 'CT')", "Columns over 3 and Modality other than CT"),
        ("EchoTime < 5 || EchoTime > 80", "EchoTime < 5 || EchoTime > 80"),
    ],
)
def test_what_a_condition_wants_is_said_in_words(text: str, wanted: str) -> None:
    assert Subject({"Rows": 4, "Columns": 2, "Modality": "CT"}).judge(checked(text)).wanted == wanted


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2].all(x, x > 0)",
        "ImageType.exists(x, x == 'M')",
        "ImageType . exists_one (Modality, true)",
        "ImageType.map(Modality, Modality).size() > 0",
        "ImageType.filter(Modality, true).size() > 0",
        "size(ImageType.map(Rows, ImageType.map(Columns, 1))) > 0",
        "has(ReferencedSeriesSequence.SeriesInstanceUID)",
        "'\"' == '\"' && ImageType.all(Rows, true)",
        "r'\\' == 'a' || ImageType.all(Rows, true) || 'b' == 'c'",
        "Rows > 0 // '\nImageType.all(Rows, true) // '",
        "'''\n''' == 'x'",
        "Rows > " + "1 + " * 200 + "1",
        "",
        "Modality = 'MR'",
        "Modalty == 'MR'",
        "PatientsShoeSize > 3",
        "timestamp('2020-01-01T00:00:00Z') > 0",
        "(" * 240 + "Rows" + ")" * 240,
    ],
)
def test_what_is_not_bounded_or_not_known_is_refused(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(ConditionError) as refused:
        checked(text)
    assert refused.value.problem
    assert refused.value.remedy
    assert time.perf_counter() - began < 1.0


def test_a_misspelt_keyword_is_answered_with_the_right_one() -> None:
    with pytest.raises(ConditionError, match="did you mean Modality"):
        checked('Modalty == "MR"')


@pytest.mark.hazard("HAZ-24")
def test_a_regular_expression_bomb_costs_little() -> None:
    began = time.perf_counter()
    assert verdict(r"SeriesDescription.matches('(a+)+$')", SeriesDescription="a" * 5000 + "b") is Ternary.FALSE
    with pytest.raises(ConditionError, match="no regular expression"):
        checked(r"SeriesDescription.matches('(x{200}){200}{200}')")
    assert time.perf_counter() - began < 1.0


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_refused_as_one(text: str) -> None:
    try:
        condition = checked(text)
    except ConditionError:
        return
    Subject({"Rows": 3}).judge(condition)
