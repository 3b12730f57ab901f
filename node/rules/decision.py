"""A decision: what fires, and why everything else does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from node.priority import Priority
from node.rules.conditions import Ternary
from node.rules.subject import Judgement, Subject
from pipelines.objects.profiles import PlanningProfile


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
        """Return this firing with the destinations of `other` too, as urgent as the more urgent of both.

        Its result is held where one of the two holds it.
        """
        return replace(
            self,
            destinations=tuple(dict.fromkeys((*self.destinations, *other.destinations))),
            release=self.release if self.release == other.release else "hold",
            priority=min(self.priority, other.priority, key=list(Priority).index),
        )


_COMPUTATION = ("pipeline", "models", "configuration", "profile", "slots")


@dataclass(frozen=True)
class SeriesVerdict:
    """Whether a series may fill a slot, condition by condition.

    Attributes
    ----------
    about
        The series, or the volume of it that the slot takes.
    where, prefer
        What was asked of it.
    """

    about: Subject
    where: tuple[Judgement, ...]
    prefer: tuple[Judgement, ...]

    @property
    def series_uid(self) -> str:
        """Series Instance UID."""
        return self.about.series_uid

    @property
    def fits(self) -> bool:
        """Whether it is not of our own making and meets every condition."""
        return not self.about.own and not self.unmet

    @cached_property
    def unmet(self) -> tuple[Judgement, ...]:
        """The conditions that it does not meet."""
        return tuple([judgement for judgement in self.where if judgement.verdict is not Ternary.TRUE])

    @property
    def order(self) -> tuple[tuple[bool, ...], int, str]:
        """Sorts before those that it is preferred to: preferences in turn, more instances, lower UID."""
        unmet = tuple(judgement.verdict is not Ternary.TRUE for judgement in self.prefer)
        return unmet, -self.about.instance_count, self.series_uid

    @property
    def distance(self) -> int:
        """How much stands between it and the slot."""
        return len(self.unmet) + self.about.own

    @property
    def nearness(self) -> tuple[int, int, int, str]:
        """Sorts the nearest first: fewest conditions unmet, of these fewest built-in ones, fewest false ones."""
        built_in = sum(judgement.built_in for judgement in self.unmet)
        false = sum(judgement.verdict is Ternary.FALSE for judgement in self.unmet)
        return self.distance, built_in, false, self.series_uid


@dataclass(frozen=True)
class SlotVerdict:
    """Which series fills a slot, and what was found of each.

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

    @cached_property
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

    @cached_property
    def nearest(self) -> SeriesVerdict | None:
        """The series that came nearest to filling the slot; None where the study has none."""
        return min(self.series, key=lambda one: one.nearness, default=None)

    @property
    def distance(self) -> int:
        """How much stands between the nearest series and the slot; more than any condition where there is no series."""
        if self.chosen is not None or not self.required:
            return 0
        return _NO_SERIES if self.nearest is None else self.nearest.distance


_NO_SERIES = 100


@dataclass(frozen=True, slots=True)
class Miss:
    """What stood between a study and a rule that did not match.

    Attributes
    ----------
    slot
        The slot that nothing fills; empty for a condition on the study.
    series_uid
        The series that came nearest to filling it; empty where the study has none, and for a study's condition.
    own
        Whether that series is of this node's own making.
    unmet
        The conditions that are not true.
    """

    slot: str
    series_uid: str
    own: bool
    unmet: tuple[Judgement, ...]

    def describe(self) -> str:
        """Return it in one line."""
        described = [judgement.describe() for judgement in self.unmet]
        if not self.slot:
            return ", ".join(described)
        if not self.series_uid:
            return f"slot {self.slot}: the study has no series"
        own = ["made by this node"] if self.own else []
        return f"slot {self.slot}: series {self.series_uid}: {', '.join((*own, *described))}"


@dataclass(frozen=True)
class RuleVerdict:
    """What came of a rule.

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
        return self.distance == 0

    @cached_property
    def distance(self) -> int:
        """How many conditions stood between the study and this rule, for the series that came nearest."""
        study = sum(judgement.verdict is not Ternary.TRUE for judgement in self.when)
        return study + sum(slot.distance for slot in self.slots)

    @property
    def misses(self) -> tuple[Miss, ...]:
        """What stood in the way: the study's conditions, and for each slot the series that came nearest."""
        study = [Miss("", "", False, (one,)) for one in self.when if one.verdict is not Ternary.TRUE]
        slots = [
            Miss(slot.slot, "", False, ())
            if slot.nearest is None
            else Miss(slot.slot, slot.nearest.series_uid, slot.nearest.about.own, slot.nearest.unmet)
            for slot in self.slots
            if slot.distance
        ]
        return (*study, *slots)

    def describe_misses(self) -> str:
        """Return what stood in the way, in one line."""
        return f"rule {self.rule}: {'; '.join(miss.describe() for miss in self.misses)}"


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
    """What the rules decided for a study.

    Attributes
    ----------
    study_uid
        The study.
    ruleset_version, ruleset_number
        SHA-256 of the rule set that decided, and its number if it is a stored version.
    firings
        What is to be done, in the order of the rules.
    about
        The study, as conditions were asked of it.
    rules
        What came of every rule.
    """

    study_uid: str
    ruleset_version: str
    firings: tuple[Firing, ...]
    about: Subject
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
        return min(missed, key=lambda rule: rule.distance).describe_misses() if missed else ""
