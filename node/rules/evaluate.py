"""Deciding: pure and total; the same study and rules give the same decision, and nothing in a header can stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from node.rules.conditions import Condition, Judgement, Ternary
from node.rules.decision import Decision, Firing, RuleVerdict, SeriesVerdict, SlotVerdict
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.predicates import READ_FROM, READY, describe_fact
from node.rules.ruleset import Rule, RuleSet, SlotRule
from pipelines.headers import Header, typed_attributes
from pipelines.headers.volumes import VolumeChoice


def decide(ruleset: RuleSet, study: StudyFacts) -> Decision:
    """Say which rules fire for a study, and why each of the others does not.

    All rules that match fire, unless an earlier one that matches stops. Of several series that fit a slot the
    preferred one fills it, then the one with the most instances, then the one with the lowest UID; the explanation
    says which of these decided and who was passed over. A rule that orders the very computation that an earlier one
    orders does not fire again; its destinations join the earlier one's. Objects of this node's own making fill no
    slot.
    """
    judges = _Judges(study)
    about = _Judge(study.values)
    stopped_by: str | None = None
    firings: list[Firing] = []
    verdicts: list[RuleVerdict] = []
    for rule in ruleset.rules:
        slots = tuple(_fill(slot, study.series, judges) for slot in rule.slots)
        verdict = RuleVerdict(rule.name, rule.pipeline, about.all(rule.when), slots, stopped_by=stopped_by)
        if verdict.matched and stopped_by is None:
            stopped_by = rule.name if rule.stop else None
            firing = _firing(rule, slots)
            same = next((index for index, one in enumerate(firings) if one.computes_the_same(firing)), None)
            if same is None:
                firings.append(firing)
            else:
                firings[same] = firings[same].joined_with(firing)
                verdict = replace(verdict, repeats=firings[same].rule)
        verdicts.append(verdict)
    return Decision(study.study_uid, ruleset.version, tuple(firings), tuple(verdicts), ruleset.number)


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


class _Judges:
    """The judge of each series' facts, and of each volume's that a slot takes of one; made once each."""

    def __init__(self, study: StudyFacts) -> None:
        self._study = study
        self._made: dict[int, _Judge] = {}

    def of(self, facts: SeriesFacts) -> _Judge:
        if id(facts) not in self._made:
            self._made[id(facts)] = _Judge(_values(facts, self._study), _Notes(facts))
        return self._made[id(facts)]


def _fill(slot: SlotRule, series: tuple[SeriesFacts, ...], judges: _Judges) -> SlotVerdict:
    return SlotVerdict(slot.slot, slot.required, tuple(_verdict(slot, one, judges) for one in series))


def _verdict(slot: SlotRule, series: SeriesFacts, judges: _Judges) -> SeriesVerdict:
    volume = () if slot.volume is None else (_holds(slot.volume, series),)
    facts = series if slot.volume is None else series.of_volume(slot.volume) or series
    judge = judges.of(facts)
    return SeriesVerdict(
        series.series_uid,
        facts.instance_count,
        series.own,
        (*volume, *judge.all(slot.where)),
        judge.all(slot.prefer),
        series.set_aside,
    )


def _holds(choice: VolumeChoice, series: SeriesFacts) -> Judgement:
    """Judge whether a series holds the one volume that a slot takes."""
    held = series.of_volume(choice) is not None
    notes = () if held else (f"volumes: {series.described_volumes}",)
    return Judgement(
        f"volume is {choice.describe()}", Ternary.TRUE if held else Ternary.FALSE, {}, (), built_in=True, notes=notes
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
        task=rule.task,
    )
