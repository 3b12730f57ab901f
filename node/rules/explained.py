"""A kept explanation (`node.rules.explanation`), read again: what each condition saw and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_VERDICTS: Mapping[str, str] = MappingProxyType({"t": "true", "f": "false", "u": "unknown"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one condition came to for one subject.

    Attributes
    ----------
    condition, built_in
        The condition, and whether it holds for every slot without standing in a rule.
    verdict
        ``true``, ``false`` or ``unknown``.
    seen, missing
        Value of each name in it that has one, and the names that have none.
    notes
        What the values were read from and how the instances differ in them, in words.
    """

    condition: str
    built_in: bool
    verdict: str
    seen: Mapping[str, Any]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def describe_seen(self) -> str:
        """Return the values seen, what is missing and the notes, in one line."""
        seen = [f"{name} = {describe_value(value)}" for name, value in self.seen.items()]
        missing = [f"{name} is missing" for name in self.missing]
        return "; ".join((*seen, *missing, *self.notes))


def answers(explanation: Mapping[str, Any], subject: int, conditions: Sequence[int]) -> Iterator[Answer]:
    """Yield what conditions came to for a subject, both by their numbers in the explanation."""
    asked = explanation["subjects"][subject]
    for number in conditions:
        condition = explanation["conditions"][number]
        names, values, notes = condition["names"], asked["values"], asked["notes"]
        yield Answer(
            condition["condition"],
            condition["built_in"],
            _VERDICTS.get(asked["verdicts"][number], "not asked"),
            {name: values[name] for name in names if name in values},
            tuple(name for name in names if name not in values),
            tuple(note for name in (*names, condition["condition"]) for note in notes.get(name, ())),
        )


def shown_series(explanation: Mapping[str, Any], slot: Mapping[str, Any]) -> int | None:
    """Return the subject that a slot was filled with, or that came nearest to it; None where there is no series."""
    series_uid = slot["chosen"]
    places = [one["subject"] for one in slot["series"]]
    chosen = [place for place in places if explanation["subjects"][place]["series_uid"] == series_uid]
    return next(iter(chosen), min(places, key=lambda place: _unmet(explanation, place, slot), default=None))


def _unmet(explanation: Mapping[str, Any], subject: int, slot: Mapping[str, Any]) -> int:
    verdicts = explanation["subjects"][subject]["verdicts"]
    return sum(verdicts[number] != "t" for number in slot["where"])


def describe_value(value: Any) -> str:
    r"""Return a value as people write it: values of one attribute with ``\``, text as it stands."""
    if isinstance(value, list):
        return "\\".join(describe_value(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)
