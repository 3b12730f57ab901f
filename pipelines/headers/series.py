"""What all instances of a series say of one attribute, and how many say what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.headers.header import Header

_LISTED = 4


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of one attribute over the instances of a series.

    Attributes
    ----------
    keyword
        The attribute.
    counts
        Each value with the number of instances that hold it, the commonest first, equal ones in order of their text.
    missing
        Number of instances in which it is absent, empty or not of its type.
    """

    keyword: str
    counts: tuple[tuple[Any, int], ...]
    missing: int

    @property
    def instances(self) -> int:
        """Number of instances looked at."""
        return self.missing + sum(count for _, count in self.counts)

    @property
    def is_uniform(self) -> bool:
        """Whether all instances say the same, or none says anything."""
        return len(self.counts) + bool(self.missing) <= 1

    def describe(self) -> str:
        """Return e.g. ``1 of 192 lacks BodyPartExamined`` or ``EchoTime 2.5 in 96, 95 in 96``."""
        said = []
        if self.counts:
            listed = [f"{_written(value)} in {count}" for value, count in self.counts[:_LISTED]]
            more = len(self.counts) - _LISTED
            listed += [f"{more} more values"] if more > 0 else []
            said.append(f"{self.keyword} {', '.join(listed)}")
        if self.missing:
            said.append(f"{self.missing} of {self.instances} {'lacks' if self.missing == 1 else 'lack'} {self.keyword}")
        return "; ".join(said if len(self.counts) != 1 or not self.missing else said[1:])


def spread(headers: Iterable[Header], keyword: str) -> Spread:
    """Count what the instances of a series say of `keyword`."""
    values = [_hashable(header.value(keyword)) for header in headers]
    counts = Counter(value for value in values if value is not None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], _written(item[0])))
    return Spread(keyword, tuple(ordered), values.count(None))


def differing(headers: Sequence[Header], keywords: Iterable[str]) -> tuple[Spread, ...]:
    """Return the spreads of those `keywords` in which the instances of a series do not all say the same."""
    return tuple(found for keyword in keywords if not (found := spread(headers, keyword)).is_uniform)


def _hashable(value: Any) -> Any:
    return tuple(_hashable(one) for one in value) if isinstance(value, list) else value


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "\\".join(_written(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
