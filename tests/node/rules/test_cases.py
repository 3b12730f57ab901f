"""Tests of rules beside the rules: they run at the check, and say what came out instead."""

from __future__ import annotations

from pathlib import Path

import pytest

import node.rules
from node.network import Peer
from node.rules.findings import Finding
from node.rules.reading import read_written
from node.rules.service import check
from node.rules.settle import Known
from pipelines.contract import Declaration

RULES = """
schema: 1
rules:
  - name: head
    pipeline: synthetic-ct-head
    slots: {t1: {where: ['body_part == "HEAD"', 'instance_count >= 40'], prefer: ['"NORM" in ImageType']}}
    destinations: [lab]
    priority: STAT
tests:
  - name: of two series the normalised one
    given:
      calling_ae: MR1
      series:
        plain: {attributes: {Modality: MR, BodyPartExamined: BRAIN, ImageType: [ORIGINAL, PRIMARY, M]}}
        normalised: {attributes: {Modality: MR, BodyPartExamined: BRAIN, ImageType: [ORIGINAL, PRIMARY, NORM]}}
    expect: [{rule: head, slots: {t1: normalised}, priority: STAT, destinations: [lab]}]
  - name: too few images
    given: {series: {short: {instances: 12, attributes: {Modality: MR, BodyPartExamined: HEAD, ImageType: [ORIGINAL]}}}}
    expect: []
"""


@pytest.fixture
def known(rule_pipelines: dict[str, Declaration], rule_destinations: list[Peer]) -> Known:
    return Known(rule_pipelines, tuple(rule_destinations))


def found(known: Known, text: str = RULES) -> list[Finding]:
    return list(check(read_written("rules.yaml", text.encode()), known))


def test_tests_that_hold_find_nothing(known: Known) -> None:
    assert found(known) == []


@pytest.mark.hazard("HAZ-25")
@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("slots: {t1: normalised}", "slots: {t1: plain}", "rule head takes t1: normalised and not t1: plain"),
        ("expect: []", "expect: [{rule: head}]", "instance_count >= 40 is false (instance_count is 12)"),
        ("instances: 12", "instances: 40", "rule head fires, on t1: short"),
        ("priority: STAT, d", "priority: ROUTINE, d", "rule head has priority STAT and not ROUTINE"),
        ("destinations: [lab]}]", "destinations: [pacs]}]", "rule head sends to lab and not to pacs"),
        ("priority: STAT\n", "priority: ROUTINE\n", "has priority ROUTINE and not STAT"),
        ('body_part == "HEAD"', 'body_part == "NECK"', "body_part is 'HEAD'"),
    ],
)
def test_a_test_that_fails_is_named_with_what_was_decided(known: Known, old: str, new: str, told: str) -> None:
    text = RULES.replace(old, new, 1)
    assert text != RULES
    (finding,) = found(known, text)
    assert finding.key.startswith("tests[")
    assert finding.value in ("of two series the normalised one", "too few images")
    assert told in finding.problem


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        ("rule: head", "rule: hed", "tests[1].expect", "there is no rule hed"),
        ("BodyPartExamined: HEAD", "BodyPart: HEAD", "tests[2].given.series.short.BodyPart", "no such attribute"),
        ("Modality: MR, BodyPartExamined: HEAD", "EchoTime: long", "tests[2].given.series.short.EchoTime", "missing"),
    ],
)
def test_a_test_that_could_say_nothing_is_found(known: Known, old: str, new: str, key: str, told: str) -> None:
    (finding,) = found(known, RULES.replace(old, new, 1))
    assert finding.key == key
    assert told in finding.problem


def test_the_shipped_rules_hold_their_own_tests(known: Known) -> None:
    file = Path(node.rules.__file__).parent / "shipped" / "head.yaml"
    draft = read_written(file.name, file.read_bytes())
    assert draft.written.tests
    assert check(draft, known) == ()
