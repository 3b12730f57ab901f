"""A decision: what fires, and why everything else does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from node.priority import Priority
from node.rules.conditions import Judgement, Ternary
from pipelines.objects.profiles import PlanningProfile

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that matched: the pipeline to run, on which series, for whom.

    Attributes
    ----------
    slots
        Series Instance UID by slot.
    models
        Name of the model package by role.
    configuration, profile
        The pipeline's options, and what the destinations ask of its outputs.
    destinations
        Names of destinations, of every rule that orders this computation.
    priority, release
        As the rule says.
    """

    rule: str
    pipeline: str
    models: Mapping[str, str]
    configuration: Mapping[str, str]
    profile: PlanningProfile
    slots: Mapping[str, str]
    destinations: tuple[str, ...]
    priority: Priority
    release: str
    task: str = ""

    def computes_the_same(self, other: Firing) -> bool:
        """Return whether both order the very same computation, for whomever and however urgently."""
        return all(getattr(self, name) == getattr(other, name) for name in _COMPUTATION)

    def joined_with(self, other: Firing) -> Firing:
        """Return this firing with the destinations of `other` too, as urgent as the more urgent of both."""
        return replace(
            self,
            destinations=tuple(dict.fromkeys((*self.destinations, *other.destinations))),
            priority=min(self.priority, other.priority, key=list(Priority).index),
        )


_COMPUTATION = ("pipeline", "models", "configuration", "profile", "slots")


@dataclass(frozen=True, slots=True)
class SeriesVerdict:
    """Whether a series may fill a slot, condition by condition, and what of it is no part of its volume."""

    series_uid: str
    instance_count: int
    own: bool
    where: tuple[Judgement, ...]
    prefer: tuple[Judgement, ...]
    set_aside: str = ""

    @property
    def fits(self) -> bool:
        """Whether it is not of our own making and meets every condition."""
        return not self.own and all(judgement.verdict is Ternary.TRUE for judgement in self.where)

    @property
    def unmet(self) -> tuple[Judgement, ...]:
        """The conditions that it does not meet."""
        return tuple(judgement for judgement in self.where if judgement.verdict is not Ternary.TRUE)

    @property
    def order(self) -> tuple[tuple[bool, ...], int, str]:
        """Sorts before those that it is preferred to: preferences in turn, more instances, lower UID."""
        unmet = tuple(judgement.verdict is not Ternary.TRUE for judgement in self.prefer)
        return unmet, -self.instance_count, self.series_uid


@dataclass(frozen=True, slots=True)
class SlotVerdict:
    """Which series fills a slot, and what was said of each.

    Attributes
    ----------
    slot
        Its name.
    required
        Whether the pipeline needs it.
    series
        Every series of the study.
    """

    slot: str
    required: bool
    series: tuple[SeriesVerdict, ...]

    @property
    def fitting(self) -> tuple[SeriesVerdict, ...]:
        """The series that fit, best first."""
        return tuple(sorted((one for one in self.series if one.fits), key=lambda one: one.order))

    @property
    def chosen(self) -> str | None:
        """UID of the series that fills the slot."""
        return self.fitting[0].series_uid if self.fitting else None

    @property
    def chosen_by(self) -> str:
        """What decided: ``only`` one fits, ``preference``, ``instances`` (most of them), or ``uid`` (equal in all)."""
        if len(self.fitting) < 2:
            return "only" if self.fitting else ""
        best, second = self.fitting[0].order, self.fitting[1].order
        return "preference" if best[0] != second[0] else "instances" if best[1] != second[1] else "uid"


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What was said of a rule.

    Attributes
    ----------
    repeats
        Name of an earlier rule that already orders the same computation on the same series, else None.
    stopped_by
        Name of an earlier rule that matched and stops, else None: it does not fire even if it matches.
    """

    rule: str
    pipeline: str
    when: tuple[Judgement, ...]
    slots: tuple[SlotVerdict, ...]
    repeats: str | None = None
    stopped_by: str | None = None

    @property
    def matched(self) -> bool:
        """Whether the study meets the rule and every required slot is filled."""
        return all(judgement.verdict is Ternary.TRUE for judgement in self.when) and all(
            slot.chosen is not None or not slot.required for slot in self.slots
        )

    @property
    def misses(self) -> int:
        """How many conditions stood between the study and this rule, for the series that came nearest."""
        study = sum(judgement.verdict is not Ternary.TRUE for judgement in self.when)
        return study + sum(_distance(slot) for slot in self.slots if slot.required)

    def nearest(self) -> Iterator[str]:
        """Yield what stood in the way, in words, for the series that came nearest."""
        for judgement in self.when:
            if judgement.verdict is not Ternary.TRUE:
                yield _describe(judgement)
        for slot in self.slots:
            if slot.chosen is None and slot.required:
                yield f"slot {slot.slot}: {_closest(slot)}"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rules that order different computations for one task at one priority: a person must choose between the results.

    Attributes
    ----------
    task
        What both are for, in the words of the pipeline's declaration.
    rules
        Their names, in the order of the rules.
    """

    task: str
    priority: Priority
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules said of a study.

    Attributes
    ----------
    study_uid
        The study.
    ruleset_version, ruleset_number
        SHA-256 of the rule set that decided, and its number if it is a stored version.
    firings
        What is to be done, in the order of the rules.
    rules
        What was said of every rule.
    """

    study_uid: str
    ruleset_version: str
    firings: tuple[Firing, ...]
    rules: tuple[RuleVerdict, ...]
    ruleset_number: int | None = None

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """What several rules order for one task at one priority."""
        by_task: dict[tuple[str, Priority], list[str]] = {}
        for firing in self.firings:
            by_task.setdefault((firing.task, firing.priority), []).append(firing.rule)
        return tuple(Conflict(*key, tuple(rules)) for key, rules in by_task.items() if len(rules) > 1)

    @property
    def nearest_miss(self) -> str:
        """The rule that came nearest without matching and what stood in its way; empty when all matched."""
        missed = [rule for rule in self.rules if not rule.matched]
        if not missed:
            return ""
        nearest = min(missed, key=lambda rule: rule.misses)
        return f"rule {nearest.rule}: {'; '.join(nearest.nearest())}"

    @property
    def explanation(self) -> dict[str, Any]:
        """Every rule and condition with the values seen and the verdict, as JSON carries it."""
        return {
            "schema": SCHEMA,
            "study_uid": self.study_uid,
            "ruleset_version": self.ruleset_version,
            "ruleset_number": self.ruleset_number,
            "fired": [firing.rule for firing in self.firings],
            "conflicts": [
                {"task": one.task, "priority": one.priority.value, "rules": list(one.rules)} for one in self.conflicts
            ],
            "nearest_miss": self.nearest_miss,
            "rules": [_rule(rule) for rule in self.rules],
        }

    def to_json(self) -> dict[str, Any]:
        """Return the decision as it is stored with the study."""
        return self.explanation


def _distance(slot: SlotVerdict) -> int:
    if slot.chosen is not None:
        return 0
    return min((len(one.unmet) + one.own for one in slot.series), default=1)


def _closest(slot: SlotVerdict) -> str:
    if not slot.series:
        return "the study has no series"
    closest = min(slot.series, key=lambda one: (len(one.unmet) + one.own, one.series_uid))
    said = [_describe(judgement) for judgement in closest.unmet]
    if closest.own:
        said.insert(0, "made by this node")
    return f"series {closest.series_uid}: {', '.join(said)}"


def _describe(judgement: Judgement) -> str:
    seen = [f"{name} is {value!r}" for name, value in judgement.seen.items()]
    seen += [f"{name} is missing" for name in judgement.missing]
    seen += judgement.notes
    return f"{judgement.condition} is {judgement.verdict} ({', '.join(seen)})"


def _rule(rule: RuleVerdict) -> dict[str, Any]:
    return {
        "rule": rule.rule,
        "pipeline": rule.pipeline,
        "matched": rule.matched,
        "repeats": rule.repeats,
        "stopped_by": rule.stopped_by,
        "when": [judgement.to_json() for judgement in rule.when],
        "slots": [_slot(slot) for slot in rule.slots],
        "nearest": list(rule.nearest()),
    }


def _slot(slot: SlotVerdict) -> dict[str, Any]:
    return {
        "slot": slot.slot,
        "required": slot.required,
        "chosen": slot.chosen,
        "chosen_by": slot.chosen_by,
        "passed_over": [one.series_uid for one in slot.fitting[1:]],
        "series": [
            {
                "series_uid": one.series_uid,
                "instances": one.instance_count,
                "set_aside": one.set_aside,
                "own": one.own,
                "fits": one.fits,
                "where": [judgement.to_json() for judgement in one.where],
                "prefer": [judgement.to_json() for judgement in one.prefer],
            }
            for one in slot.series
        ],
    }
