"""Types of conditions: what could never match is refused, and what is accepted is evaluated without a type error."""

from __future__ import annotations

import cel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import keyword_dict

from node.rules.conditions import Condition, Ternary
from node.rules.grammar import DEEPEST, GrammarError, parse_condition
from node.rules.ruleset import SERIES_FACTS
from node.rules.subject import Subject
from node.rules.types import INT, TEXT, ConditionError, Type, check_types, keyword_type
from pipelines.headers.values import typed_value

VALUES = {
    "RepetitionTime": 20.0,
    "SeriesNumber": 3,
    "SeriesDescription": "ax T1",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "PixelSpacing": [0.5, 1.0],
    "RequestAttributesSequence": [{"ScheduledProcedureStepID": "7", "RequestedProcedureID": "A"}],
    "is_axial": True,
    "instance_count": 20,
}


def verdict(text: str) -> Ternary:
    return Subject(VALUES).judge(Condition.checked(text, SERIES_FACTS, keywords=True)).verdict


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ('RepetitionTime > "20"', "compares a number and text", "without quotes"),
        ('"T1" in SeriesDescription', "SeriesDescription is text", 'SeriesDescription.contains("T1")'),
        ('ImageType == "DERIVED"', "a list of texts and text", '"DERIVED" in ImageType'),
        ('ImageType != "DERIVED"', "a list of texts and text", '!("DERIVED" in ImageType)'),
        ('ImageType.contains("M")', "ImageType is a list of texts", '"M" in ImageType'),
        ("SeriesDescription == 3", "compares text and a number", '"3"'),
        ('SeriesNumber in ["1", "2"]', "compares a number and a list of texts", "one kind"),
        ("RepetitionTime", "it is a number and not true or false", "compare it"),
        ("is_axial && SeriesNumber", "joins SeriesNumber, which is a number", "true or false"),
        ("!SeriesNumber", "stands before SeriesNumber", "true or false"),
        ("SeriesDescription[0] == 'a'", "no list", "has one value"),
        ("ImageType[RepetitionTime] == 'a'", "no index", "whole number"),
        ("PixelSpacing > 1", "compares a list of numbers and a number", "one kind"),
        ("RequestAttributesSequence.StudyID == '1'", "has no attributes", "RequestAttributesSequence[0].StudyID"),
        ("RequestAttributesSequence[0].StudyId == '1'", "unknown name StudyId", "StudyID"),
        ("is_axial ? SeriesNumber : SeriesDescription", "or else", "one kind"),
        ("RepetitionTime % 2 == 0", "decimal numbers", "whole ones"),
        ("1 < SeriesNumber < 3", "compares true or false and a number", "one kind"),
        ("PixelData == 'x'", "neither text nor numbers", "another attribute"),
        ("SeriesDescription.matches('(')", "no regular expression", "RE2"),
        ("size(SeriesNumber) > 1", "size does not take a number", "size(ImageType)"),
        ("contains(SeriesDescription, 'x')", "not called so", "SeriesDescription.contains"),
        ('SeriesNumber == 1u || Modality == "MR"', "1u is no number at character 17", "CEL"),
        ('{"a": 1}.a == 1', "may not stand in a condition at character 1", "CEL"),
        ("Modality == 'MR' Rows", "Rows stands where nothing more is expected", "CEL"),
        ("Modality ==", "it ends where a name or a value is expected", "CEL"),
    ],
)
def test_what_could_never_match_is_refused_with_what_to_write(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConditionError) as refused:
        verdict(text)
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "RepetitionTime == 20",
        "RepetitionTime * 2 > SeriesNumber",
        "((SeriesNumber + 1) * 2) + 0.5 > 8",
        "RepetitionTime - 1 > -(SeriesNumber)",
        "SeriesNumber / 2 == 1",
        "SeriesNumber % 2 == 1",
        "RepetitionTime in [10, 20]",
        "SeriesNumber in [1.5, 3]",
        "PixelSpacing[1] == 1 && PixelSpacing == [0.5, 1]",
        '"ORIGINAL" in ImageType && size(ImageType) > 1',
        'RequestAttributesSequence[0].ScheduledProcedureStepID == "7"',
        "int(RequestAttributesSequence[0].ScheduledProcedureStepID) > 6.5",
        "SeriesDescription.matches(r'(?i)\\bt1\\b')",
        "(is_axial ? RepetitionTime : 1) == 20",
        "!(SeriesDescription in ['a', \"b\"])",
        "instance_count > 10.5",
    ],
)
def test_numbers_are_one_kind_and_the_rest_is_cel(text: str) -> None:
    assert verdict(text) is Ternary.TRUE


def test_nesting_ends_somewhere() -> None:
    with pytest.raises(GrammarError, match="too deeply"):
        parse_condition("(" * (DEEPEST + 1) + "Rows > 1" + ")" * (DEEPEST + 1))
    parse_condition("(" * (DEEPEST - 1) + "Rows > 1" + ")" * (DEEPEST - 1))


@given(st.sampled_from(sorted(keyword_dict)), st.sampled_from(["12", 3, 2.5, "HEAD", ["1", "2"], ["A", "B"]]))
def test_a_keyword_has_the_type_of_the_values_that_headers_give_it(keyword: str, value: object) -> None:
    found, expected = typed_value(keyword, value), keyword_type(keyword)
    if found is not None:
        assert expected is not None
        several = expected.kind == "list"
        assert isinstance(found, list) == several
        single = expected.of if several else expected
        one = found[0] if several else found
        assert isinstance(one, {"int": int, "double": float, "text": str}[single.kind])  # type: ignore[union-attr]


def _of(kind: str, depth: int) -> st.SearchStrategy[str]:
    names = {
        "bool": ["is_axial", "true", "false"],
        "int": ["SeriesNumber", "instance_count", "3", "0"],
        "double": ["RepetitionTime", "2.5", "PixelSpacing[0]"],
        "text": ["SeriesDescription", "'a'", "ImageType[0]", "RequestAttributesSequence[0].RequestedProcedureID"],
    }
    leaf = st.sampled_from(names[kind])
    if depth == 0:
        return leaf

    def joined(left: str, operators: list[str], right: str) -> st.SearchStrategy[str]:
        return st.tuples(_of(left, depth - 1), st.sampled_from(operators), _of(right, depth - 1)).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        )

    relations = ["==", "!=", "<", "<=", ">", ">="]
    made = {
        "bool": [
            joined("bool", ["&&", "||"], "bool"),
            joined("int", relations, "double"),
            joined("double", relations, "int"),
            joined("text", relations, "text"),
            _of("bool", depth - 1).map(lambda one: f"!{one}"),
            _of("text", depth - 1).map(lambda one: f"({one} in ImageType)"),
        ],
        "int": [joined("int", ["+", "-", "*"], "int"), _of("int", depth - 1).map(lambda one: f"-{one}")],
        "double": [joined("int", ["+", "-", "*"], "double"), joined("double", ["+", "-", "*"], "int")],
        "text": [joined("text", ["+"], "text")],
    }[kind]
    return st.one_of(leaf, *made)


@settings(max_examples=300, deadline=None)
@given(_of("bool", 3))
def test_what_is_accepted_has_a_verdict_where_nothing_is_missing(text: str) -> None:
    typed = check_types(text, parse_condition(text), SERIES_FACTS, keywords=True)
    assert isinstance(cel.compile(typed.executable).execute(VALUES), bool)


def test_what_is_made_decimal_is_only_what_must_be() -> None:
    facts = {"n": INT, "x": Type("double"), "s": TEXT}

    def executable(text: str) -> str:
        return check_types(text, parse_condition(text), facts, keywords=False).executable

    assert executable("n + 1 > 2") == "n + 1 > 2"
    assert executable("x + 1 > 2") == "x + 1.0 > 2"
    assert executable("(n + 1) * x > n") == "double((n + 1)) * x > n"
    assert executable("(s == 'n + 1') || x - n > 0x10") == "(s == 'n + 1') || x - double(n) > 0x10"
