"""What would change for a study if another rule set decided."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from node.rules.decision import Decision, Firing

COMPARED = ("rule", "pipeline", "slots", "models", "configuration", "profile", "destinations", "priority", "release")
"""What of a firing is compared."""


@dataclass(frozen=True, slots=True)
class Altered:
    """A firing that stays and orders something else.

    Attributes
    ----------
    rule
        The rule that would order it.
    before, after
        What differs, by name of the field of `Firing`.
    """

    rule: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StudyChange:
    """How two decisions for a study differ.

    Attributes
    ----------
    fires, fires_no_longer
        Rules that would fire and do not now, and those that do now and would not; with their pipelines.
    altered
        What would be ordered otherwise.
    why_no_longer
        By rule that would fire no longer, what would stand in its way; empty where the rule is gone.
    """

    study_uid: str
    fires: tuple[Firing, ...]
    fires_no_longer: tuple[Firing, ...]
    altered: tuple[Altered, ...]
    why_no_longer: Mapping[str, str]

    @property
    def is_change(self) -> bool:
        """Whether anything differs."""
        return bool(self.fires or self.fires_no_longer or self.altered)

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON carries it."""
        return {
            "study_uid": self.study_uid,
            "fires": [_ordered(firing) for firing in self.fires],
            "fires_no_longer": [
                {**_ordered(firing), "why": self.why_no_longer.get(firing.rule, "")} for firing in self.fires_no_longer
            ],
            "altered": [
                {"rule": one.rule, "before": dict(one.before), "after": dict(one.after)} for one in self.altered
            ],
        }


def compare_decisions(before: Decision, after: Decision) -> StudyChange:
    """Return how what `after` orders for a study differs from what `before` does.

    Firings of the very same computation are one, whatever their rules are called; of the others those of one name.
    """
    new, gone = list(after.firings), list(before.firings)
    altered: list[Altered] = []
    for belongs in (_same_computation, _same_rule):
        for first, second in _pairs(gone, new, belongs):
            gone.remove(first)
            new.remove(second)
            differs = [name for name in COMPARED if getattr(first, name) != getattr(second, name)]
            if differs:
                altered.append(
                    Altered(
                        second.rule,
                        {name: _plain(getattr(first, name)) for name in differs},
                        {name: _plain(getattr(second, name)) for name in differs},
                    )
                )
    why = {rule.rule: rule.describe_misses() for rule in after.rules if not rule.matched}
    lost = {firing.rule: why.get(firing.rule, "") for firing in gone}
    return StudyChange(after.study_uid, tuple(new), tuple(gone), tuple(altered), lost)


def _same_computation(first: Firing, second: Firing) -> bool:
    return first.computes_the_same(second)


def _same_rule(first: Firing, second: Firing) -> bool:
    return first.rule == second.rule


def _pairs(
    gone: list[Firing], new: list[Firing], belongs: Callable[[Firing, Firing], bool]
) -> Iterator[tuple[Firing, Firing]]:
    for first in tuple(gone):
        second = next((one for one in new if belongs(first, one)), None)
        if second is not None:
            yield first, second


def _ordered(firing: Firing) -> dict[str, Any]:
    return {name: _plain(getattr(firing, name)) for name in COMPARED if name != "profile"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value if isinstance(value, int | float | bool) or value is None else str(value)
