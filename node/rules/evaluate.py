"""Deciding: pure and total; the same study and rules give the same decision, and nothing in a header can stop it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.rules.conditions import Ternary
from node.rules.decision import Decision, Firing, RuleVerdict, SeriesVerdict, SlotVerdict
from node.rules.facts import SeriesFacts, StudyFacts
from node.rules.predicates import READY, describe_fact
from node.rules.ruleset import Rule, RuleSet, SlotRule
from node.rules.subject import Repeated, Subject
from pipelines.headers import Header, typed_attributes
from pipelines.headers.coverage import EXTENT_FROM


def decide(ruleset: RuleSet, study: StudyFacts) -> Decision:
    """Say which rules fire for a study, and why each of the others does not.

    All rules that match fire, unless an earlier one that matches stops. Of several series that fit a slot the
    preferred one fills it, then the one with the most instances, then the one with the lowest UID; the explanation
    says which of these decided and who was passed over. A rule that orders the very computation that an earlier one
    orders does not fire again; its destinations join the earlier one's. Objects of this node's own making fill no
    slot.
    """
    subjects = _Subjects(ruleset, study)
    stopped_by: str | None = None
    firings: list[Firing] = []
    verdicts: list[RuleVerdict] = []
    for rule in ruleset.rules:
        slots = tuple([_fill(slot, study.series, subjects) for slot in rule.slots])
        when = subjects.study.judge_all(rule.when)
        verdict = RuleVerdict(rule.name, rule.pipeline, when, slots, stopped_by=stopped_by)
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
    return Decision(study.study_uid, ruleset.version, tuple(firings), subjects.study, tuple(verdicts), ruleset.number)


class _Notes:
    """What the value of a name was read from and how the instances differ in it."""

    def __init__(self, series: SeriesFacts) -> None:
        self._series = series

    def __call__(self, name: str) -> tuple[str, ...]:
        if name == "instance_count":
            return (self._series.set_aside,) if self._series.set_aside else ()
        differing = [self._series.differing.get(keyword) for keyword in _read_from(name)]
        read_from = describe_fact(name, Header.from_attributes(self._series.attributes)) if name in READY else ""
        return tuple(note for note in (read_from, *differing) if note)


class _Subjects:
    """What the conditions of a rule set are asked of; values are read from the headers once for all of them."""

    def __init__(self, ruleset: RuleSet, study: StudyFacts) -> None:
        asked = [
            condition for rule in ruleset.rules for slot in rule.slots for condition in (*slot.where, *slot.prefer)
        ]
        self._names = {name for condition in asked for name in condition.names}
        self._repeated: Repeated = {}
        self._made: dict[int, Subject] = {}
        self._from = {"calling_ae": study.calling_ae, "called_ae": study.called_ae}
        self.study = Subject(study.values, repeated=self._repeated)

    def of(self, facts: SeriesFacts, volume: str = "") -> Subject:
        """Return the subject that a series, or a volume of it, is."""
        made = self._made.get(id(facts))
        if made is None:
            made = self._made[id(facts)] = Subject(
                self._values(facts),
                facts.series_uid,
                volume,
                facts.instance_count,
                facts.own,
                facts.set_aside,
                _Notes(facts),
                self._repeated,
            )
        return made

    def _values(self, series: SeriesFacts) -> dict[str, Any]:
        header = Header.from_attributes(series.attributes)
        written = {keyword: value for keyword, value in series.attributes.items() if keyword in self._names}
        ready = {name: READY[name].read(header) for name in self._names & READY.keys()}
        return {
            **typed_attributes(written),
            **{name: value for name, value in ready.items() if value is not None},
            "instance_count": series.instance_count,
            **_extent(series),
            **self._from,
        }


def _read_from(name: str) -> tuple[str, ...]:
    if name in READY:
        return READY[name].read_from
    return EXTENT_FROM if name in ("slice_spacing", "coverage") else (name,)


def _extent(series: SeriesFacts) -> dict[str, float]:
    lie = series.extent
    return {} if lie is None else {"slice_spacing": lie.spacing, "coverage": lie.coverage}


def _fill(slot: SlotRule, series: tuple[SeriesFacts, ...], subjects: _Subjects) -> SlotVerdict:
    return SlotVerdict(slot.slot, slot.required, tuple([_verdict(slot, one, subjects) for one in series]))


def _verdict(slot: SlotRule, series: SeriesFacts, subjects: _Subjects) -> SeriesVerdict:
    if slot.volume is None:
        about = subjects.of(series)
        return SeriesVerdict(about, about.judge_all(slot.where), about.judge_all(slot.prefer))
    held = series.of_volume(slot.volume)
    about = subjects.of(series) if held is None or held is series else subjects.of(held, slot.volume.describe())
    notes = () if held is not None else (f"volumes: {series.described_volumes}",)
    verdict = Ternary.FALSE if held is None else Ternary.TRUE
    volume = about.state(f"volume is {slot.volume.describe()}", verdict, notes)
    return SeriesVerdict(about, (volume, *about.judge_all(slot.where)), about.judge_all(slot.prefer))


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
