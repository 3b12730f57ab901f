"""What of a rule set can never happen, or can happen twice: found from its conditions alone, without a study."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from node.rules.conditions import Condition
from node.rules.findings import Finding, Severity
from node.rules.limits import Limits, contradictions, exclude_each_other, limits_of
from node.rules.ruleset import Rule, SlotRule

_MOST_PAIRS = 100_000
"""So many pairs of rules for one task are compared; more would take longer than anybody waits for a check."""

_MOST_OVERLAPS = 20


def find_unreachable(rules: Iterable[Rule]) -> Iterator[Finding]:
    """Yield the rules and slots that can never match, and the pairs of rules that may order one task twice."""
    looked_at = [_LookedAt.of(rule) for rule in rules]
    for one in looked_at:
        yield from one.contradictions()
    yield from _stopped(looked_at)
    yield from _overlapping(looked_at)


@dataclass(frozen=True, slots=True)
class _LookedAt:
    """A rule, and what its conditions leave of each name's values: for the study, and slot by slot."""

    rule: Rule
    when: Mapping[str, Limits]
    slots: Mapping[str, Mapping[str, Limits]]
    texts: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, rule: Rule) -> _LookedAt:
        return cls(
            rule,
            limits_of(_texts(rule.when)),
            {slot.slot: limits_of(_texts(slot.where)) for slot in rule.slots},
            {slot.slot: frozenset(_texts(slot.where)) for slot in rule.slots},
        )

    def contradictions(self) -> Iterator[Finding]:
        for name, limits in contradictions(self.when):
            yield self._never("when", name, limits, "no study can meet the rule")
        for slot, by_name in self.slots.items():
            for name, limits in contradictions(by_name):
                yield self._never(f"slots.{slot}.where", name, limits, f"no series can fill the slot {slot}")

    def matches_whenever(self, other: _LookedAt) -> bool:
        """Return whether this rule can be shown to match each study that the other one matches."""
        if not set(_texts(self.rule.when)) <= set(_texts(other.rule.when)):
            return False
        needed = [slot for slot in self.rule.slots if slot.required]
        return all(
            any(
                slot.volume == one.volume and self.texts[slot.slot] <= other.texts[one.slot] for one in _required(other)
            )
            for slot in needed
        )

    def excludes(self, other: _LookedAt) -> bool:
        """Return whether no study can meet the conditions on studies of both."""
        return exclude_each_other(self.when, other.when)

    def takes_other_series_than(self, other: _LookedAt) -> bool:
        """Return whether no series can fill a slot of both."""
        return all(exclude_each_other(mine, theirs) for mine in self.slots.values() for theirs in other.slots.values())

    def computes_the_same(self, other: _LookedAt) -> bool:
        """Return whether both order the same computation wherever both match, which then runs once."""
        parts = ("pipeline", "models", "configuration", "profile")
        alike = all(getattr(self.rule, part) == getattr(other.rule, part) for part in parts)
        return alike and [_filling(one) for one in self.rule.slots] == [_filling(one) for one in other.rule.slots]

    def _never(self, key: str, name: str, limits: Limits, consequence: str) -> Finding:
        said = " and ".join(dict.fromkeys(limits.said))
        problem = f"no value of {name} meets {said}: {consequence}" if name[0] != "`" else f"{said} contradict"
        return Finding(self.rule.name, key, said[:80], problem, _remedy(limits))


def _remedy(limits: Limits) -> str:
    if limits.only is not None and len(limits.said) == 1:
        return "write a value that there is: docs/rules.md lists those of each fact"
    return "take one of them out, or write a rule for each"


def _stopped(rules: list[_LookedAt]) -> Iterator[Finding]:
    stopping: list[_LookedAt] = []
    for one in rules:
        before = next((earlier for earlier in stopping if earlier.matches_whenever(one)), None)
        if before is not None:
            name = before.rule.name
            problem = f"rule {name} matches whenever this one does, and stops: it is never reached"
            yield Finding(one.rule.name, "(whole)", "", problem, f"put it before {name}, or take `stop` out there")
        elif one.rule.stop:
            stopping.append(one)


def _overlapping(rules: list[_LookedAt]) -> Iterator[Finding]:
    by_task: dict[tuple[str, str], list[_LookedAt]] = {}
    for one in rules:
        by_task.setdefault((one.rule.task, one.rule.priority), []).append(one)
    left, found = _MOST_PAIRS, 0
    for alike in by_task.values():
        for number, (first, second) in enumerate(combinations(alike, 2)):
            if number >= left or found >= _MOST_OVERLAPS:
                yield _not_all(alike)
                return
            if _overlap(first, second):
                found += 1
                yield _overlap_of(first.rule, second.rule)
        left -= len(alike) * (len(alike) - 1) // 2


def _overlap(first: _LookedAt, second: _LookedAt) -> bool:
    if first.rule.stop or first.excludes(second) or first.computes_the_same(second):
        return False
    return not first.takes_other_series_than(second)


def _overlap_of(first: Rule, second: Rule) -> Finding:
    problem = (
        f"one series may fill it and rule {first.name}: both order {second.pipeline} at priority {second.priority}"
    )
    remedy = (
        "both results would be held, and a person must choose: exclude one by a condition, or by `stop` or priority"
    )
    return Finding(second.name, "slots", "", problem, remedy, Severity.WARNING)


def _not_all(alike: list[_LookedAt]) -> Finding:
    task = alike[0].rule.pipeline
    return Finding(
        "",
        "rules",
        "",
        f"more rules order {task} at one priority than are compared here",
        "mend these first",
        Severity.WARNING,
    )


def _required(of: _LookedAt) -> list[SlotRule]:
    return [slot for slot in of.rule.slots if slot.required]


def _filling(slot: SlotRule) -> tuple[object, ...]:
    return slot.slot, frozenset(_texts(slot.where)), _texts(slot.prefer), slot.volume


def _texts(conditions: Iterable[Condition]) -> tuple[str, ...]:
    return tuple(condition.text for condition in conditions)
