"""Tests of rules, which stand beside them in the file: given such a study, this is decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydicom.datadict import tag_for_keyword

from node.rules.decision import Decision, Firing
from node.rules.evaluate import decide
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.findings import Finding
from node.rules.ruleset import RuleSet
from node.rules.schema import ExpectedFiring, GivenSeries, WrittenTest
from pipelines.headers import typed_attributes
from pipelines.headers.private import PRIVATE


def run_tests(ruleset: RuleSet, tests: tuple[WrittenTest, ...]) -> tuple[Finding, ...]:
    """Return what of the tests does not come out as expected, with the decision's explanation."""
    return tuple(finding for number, test in enumerate(tests, 1) for finding in _run(ruleset, test, number))


def _run(ruleset: RuleSet, test: WrittenTest, number: int) -> Iterator[Finding]:
    key = f"tests[{number}]"
    unreadable = list(_unreadable(test, key))
    yield from unreadable
    known = {rule.name for rule in ruleset.rules}
    unknown = [one.rule for one in test.expect if one.rule not in known]
    for name in unknown:
        yield Finding("", f"{key}.expect", test.name, f"there is no rule {name}", "name a rule of this file")
    if unreadable or unknown:
        return
    decision = decide(ruleset, _facts(test))
    problems = list(_differences(test, decision))
    if problems:
        remedy = "correct the rule if the test is right, else the test"
        yield Finding("", key, test.name, f"the test fails: {'; '.join(problems)}", remedy)


def _unreadable(test: WrittenTest, key: str) -> Iterator[Finding]:
    """Yield the attributes that rules would not see as they are given."""
    for label, series in test.given.series.items():
        attributes = series.attributes
        typed = typed_attributes(attributes)
        for keyword, value in attributes.items():
            where = f"{key}.given.series.{label}.{keyword}"
            if tag_for_keyword(keyword) is None and keyword not in PRIVATE:
                yield Finding("", where, str(value)[:80], "there is no such attribute", "write its DICOM keyword")
            elif keyword not in typed:
                problem = "the value is not of the attribute's kind, and counts as missing"
                yield Finding("", where, str(value)[:80], problem, "write what a header holds, or leave it out")


def _facts(test: WrittenTest) -> StudyFacts:
    given = test.given
    return StudyFacts(
        "the test's study",
        given.calling_ae,
        given.called_ae,
        tuple(_series(label, series) for label, series in given.series.items()),
        source=given.source,
        received_at=given.received_at,
    )


def _series(label: str, given: GivenSeries) -> SeriesFacts:
    facts = SeriesFacts.of(label, given.attributes, [{}], own=False)
    return replace(facts, instance_count=given.instances)


def _differences(test: WrittenTest, decision: Decision) -> Iterator[str]:
    expected = {one.rule: one for one in test.expect}
    fired = {firing.rule: firing for firing in decision.firings}
    verdicts = {verdict.rule: verdict for verdict in decision.rules}
    for name in expected.keys() - fired.keys():
        verdict = verdicts[name]
        why = verdict.stopped_by or verdict.repeats
        said = f"rule {why} came before it" if why else "; ".join(miss.describe() for miss in verdict.misses)
        yield f"rule {name} does not fire: {said}"
    for name in fired.keys() - expected.keys():
        yield f"rule {name} fires, on {_filled(fired[name].slots)}"
    for name in sorted(expected.keys() & fired.keys()):
        yield from _differing(expected[name], fired[name])


def _differing(expected: ExpectedFiring, fired: Firing) -> Iterator[str]:
    slots = expected.slots
    if slots is not None and dict(slots) != dict(fired.slots):
        yield f"rule {fired.rule} takes {_filled(fired.slots)} and not {_filled(slots)}"
    if expected.priority is not None and expected.priority is not fired.priority:
        yield f"rule {fired.rule} has priority {fired.priority} and not {expected.priority}"
    if expected.destinations is not None and set(expected.destinations) != set(fired.destinations):
        names = ", ".join(fired.destinations) or "nowhere"
        yield f"rule {fired.rule} sends to {names} and not to {', '.join(expected.destinations) or 'nowhere'}"


def _filled(slots: Mapping[str, str]) -> str:
    return ", ".join(f"{slot}: {series}" for slot, series in sorted(slots.items())) or "no series"
