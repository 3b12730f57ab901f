"""What conditions are asked of: a study, a series, or one volume of a series, with the values that each name has."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import cel

from node.rules.conditions import Condition, Ternary
from node.rules.wanted import describe_wanted

Repeated = MutableMapping[Hashable, Ternary]
"""Verdicts of conditions with regular expressions, by their text and the values that they saw."""


def _no_notes(name: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What conditions are asked of; each is evaluated once.

    Attributes
    ----------
    values
        By name; a missing attribute has no key.
    series_uid
        Series Instance UID; empty for a study.
    volume
        Which volume of the series it is, in words; empty for the whole series.
    instance_count
        Number of instances; 0 for a study.
    own
        Whether this node made it.
    set_aside
        Which instances of the series are no part of it, in words.
    notes
        Gives what a name's value was read from and how the instances differ in it, in words.
    repeated
        Shared by the subjects of one decision.
    """

    values: Mapping[str, Any]
    series_uid: str = ""
    volume: str = ""
    instance_count: int = 0
    own: bool = False
    set_aside: str = ""
    notes: Callable[[str], tuple[str, ...]] = field(default=_no_notes, repr=False, compare=False)
    repeated: Repeated = field(default_factory=dict, repr=False, compare=False)
    judgements: dict[tuple[str, bool], Judgement] = field(default_factory=dict, init=False, repr=False, compare=False)
    _context: list[cel.Context] = field(default_factory=list, init=False, repr=False, compare=False)

    def judge(self, condition: Condition) -> Judgement:
        """Return what `condition` comes to here; never raises."""
        key = (condition.text, condition.built_in)
        found = self.judgements.get(key)
        if found is None:
            found = Judgement(condition.text, self.evaluate(condition), self, condition)
            self.judgements[key] = found
        return found

    def judge_all(self, conditions: Iterable[Condition]) -> tuple[Judgement, ...]:
        """Return what each of `conditions` comes to here."""
        return tuple([self.judge(condition) for condition in conditions])

    def state(self, condition: str, verdict: Ternary, notes: tuple[str, ...]) -> Judgement:
        """Note what was found of this subject otherwise than by an expression."""
        found = Judgement(condition, verdict, self, None, notes)
        self.judgements[condition, True] = found
        return found

    def evaluate(self, condition: Condition) -> Ternary:
        """Return the verdict alone, kept nowhere but for regular expressions."""
        if not self._context:
            # Converting the values costs ten times what a condition does: once for all of them.
            self._context.append(cel.Context(variables=dict(self.values)))
        if not condition.has_patterns:
            return condition.evaluate(self._context[0])
        key = (condition.text, *(str(self.values.get(name)) for name in condition.names))
        if key not in self.repeated:
            self.repeated[key] = condition.evaluate(self._context[0])
        return self.repeated[key]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one condition came to for one subject.

    Attributes
    ----------
    condition
        Its text.
    verdict
        True, false or unknown.
    about
        What it was asked of.
    asked
        The condition; None for what is found without an expression.
    further_notes
        What else is to be said of it, in words.
    """

    condition: str
    verdict: Ternary
    about: Subject = field(repr=False)
    asked: Condition | None = field(default=None, repr=False)
    further_notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The DICOM keywords and ready facts that it refers to."""
        return () if self.asked is None else self.asked.names

    @property
    def built_in(self) -> bool:
        """Whether it stands in no rule file but holds for every slot."""
        return self.asked is None or self.asked.built_in

    @property
    def seen(self) -> Mapping[str, Any]:
        """Value of each name that has one."""
        return {name: self.about.values[name] for name in self.names if name in self.about.values}

    @property
    def missing(self) -> tuple[str, ...]:
        """Names that have none."""
        return tuple(name for name in self.names if name not in self.about.values)

    @property
    def notes(self) -> tuple[str, ...]:
        """What its values were read from and how the series' instances differ in it, in words."""
        return tuple(
            dict.fromkeys((*(note for name in self.names for note in self.about.notes(name)), *self.further_notes))
        )

    @property
    def wanted(self) -> str:
        """What would have to be there for it to be true, in words; of several joined by ``&&`` those that are not."""
        if self.asked is None:
            return self.condition
        unmet = [one for one in self.asked.operands if self.about.evaluate(one) is not Ternary.TRUE]
        return " and ".join(describe_wanted(one.text, one.tree) for one in unmet or [self.asked])

    def describe(self) -> str:
        """Return the condition with its verdict and the values seen, in one line."""
        found = [f"{name} is {value!r}" for name, value in self.seen.items()]
        found += [f"{name} is missing" for name in self.missing]
        return f"{self.condition} is {self.verdict} ({', '.join((*found, *self.notes))})"
