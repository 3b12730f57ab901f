"""Deciding: pure and total; the same study and rules give the same decision, and nothing in a header can stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from node.rules.conditions import Condition, Judgement
from node.rules.decision import Decision, Firing, RuleVerdict, SeriesVerdict, SlotVerdict
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.predicates import READ_FROM, READY, describe_fact
from node.rules.ruleset import Rule, RuleSet, SlotRule
from pipelines.headers import Header, typed_attributes


def decide(ruleset: RuleSet, study: StudyFacts) -> Decision:
    """Say which rules fire for a study, and why each of the others does not.

    All rules that match fire. Of several series that fit a slot the preferred one fills it, then the one with the
    most instances, then the one with the lowest UID; the explanation says which of these decided and who was passed
    over. A rule that orders the very computation that an earlier one orders does not fire again; its destinations join
    the earlier one's. Objects of this node's own making fill no slot.
    """
    series = [_Judge(_values(one, study), _Notes(one)) for one in study.series]
    about = _Judge({"calling_ae": study.calling_ae, "called_ae": study.called_ae, "series_count": len(study.series)})
    firings: list[Firing] = []
    verdicts: list[RuleVerdict] = []
    for rule in ruleset.rules:
        slots = tuple(_fill(slot, study.series, series) for slot in rule.slots)
        verdict = RuleVerdict(rule.name, rule.pipeline, about.all(rule.when), slots)
        if verdict.matched:
            firing = _firing(rule, slots)
            same = next((index for index, one in enumerate(firings) if one.computes_the_same(firing)), None)
            if same is None:
                firings.append(firing)
            else:
                firings[same] = firings[same].joined_with(firing)
                verdict = replace(verdict, repeats=firings[same].rule)
        verdicts.append(verdict)
    return Decision(study.study_uid, ruleset.version, tuple(firings), tuple(verdicts))


class _Judge:
    """Judges conditions on one set of values, each distinct one once."""

    def __init__(self, values: Mapping[str, Any], notes: Callable[[str], tuple[str, ...]] = lambda name: ()) -> None:
        self._values = values
        self._notes = notes
        self._known: dict[tuple[str, bool], Judgement] = {}

    def all(self, conditions: Iterable[Condition]) -> tuple[Judgement, ...]:
        return tuple(self._one(condition) for condition in conditions)

    def _one(self, condition: Condition) -> Judgement:
        key = (condition.text, condition.built_in)
        if key not in self._known:
            judgement = condition.judge(self._values)
            notes = tuple(dict.fromkeys(note for name in condition.names for note in self._notes(name)))
            self._known[key] = replace(judgement, notes=notes)
        return self._known[key]


class _Notes:
    """Says of each name of a condition what its value was read from and how the instances differ in it."""

    def __init__(self, series: SeriesFacts) -> None:
        self._series = series

    def __call__(self, name: str) -> tuple[str, ...]:
        if name == "instance_count":
            return (self._series.set_aside,) if self._series.set_aside else ()
        differing = [self._series.differing.get(keyword) for keyword in READ_FROM.get(name, (name,))]
        read_from = describe_fact(name, Header.from_attributes(self._series.attributes)) if name in READY else ""
        return tuple(note for note in (read_from, *differing) if note)


def _fill(slot: SlotRule, series: tuple[SeriesFacts, ...], judges: list[_Judge]) -> SlotVerdict:
    return SlotVerdict(
        slot.slot,
        slot.required,
        tuple(
            SeriesVerdict(
                facts.series_uid,
                facts.instance_count,
                facts.own,
                judge.all(slot.where),
                judge.all(slot.prefer),
                facts.set_aside,
            )
            for facts, judge in zip(series, judges, strict=True)
        ),
    )


def _values(series: SeriesFacts, study: StudyFacts) -> dict[str, Any]:
    header = Header.from_attributes(series.attributes)
    ready = {name: value for name, fact in READY.items() if (value := fact(header)) is not None}
    return {
        **typed_attributes(series.attributes),
        **ready,
        "instance_count": series.instance_count,
        "calling_ae": study.calling_ae,
        "called_ae": study.called_ae,
    }


def _firing(rule: Rule, slots: tuple[SlotVerdict, ...]) -> Firing:
    return Firing(
        rule=rule.name,
        pipeline=rule.pipeline,
        models=rule.models,
        configuration=rule.configuration,
        profile=rule.profile,
        slots={slot.slot: slot.chosen for slot in slots if slot.chosen is not None},
        destinations=rule.destinations,
        priority=rule.priority,
        release=rule.release,
    )
