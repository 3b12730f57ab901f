"""What all instances of a series say of one attribute, and how many say what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipelines.headers.header import Header
from pipelines.headers.values import has_decimal_comma
from pipelines.headers.volumes import SAME_NUMBER

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

    @property
    def agreed(self) -> Any:
        """The value that all instances with a value share, the commonest of numbers that are the same but for 1 %.

        None where they do not agree, or none has a value. Several values of one attribute are a tuple.
        """
        values = [value for value, _ in self.counts]
        return values[0] if len(values) == 1 or (values and _are_one_number(values)) else None

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


def common_header(headers: Sequence[Header]) -> Header:
    """Return the header of a series: of each attribute what its instances agree in, whatever their order.

    An instance without the attribute says nothing against the others' value; where values differ there is none.
    """
    if len(headers) == 1:
        return headers[0]

    def read(keyword: str) -> Any:
        agreed = spread(headers, keyword).agreed
        if agreed is None:
            return None
        # As one of them wrote it, so that a decimal comma is still seen.
        written = [header.written(keyword) for header in headers if _hashable(header.value(keyword)) == agreed]
        return max(written, key=lambda one: (has_decimal_comma(one), str(one)))

    return Header(cache(read))


def _are_one_number(values: Sequence[Any]) -> bool:
    if not all(isinstance(value, float) for value in values):
        return False
    return bool(max(values) - min(values) <= SAME_NUMBER * max(abs(value) for value in values))


def _hashable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple((keyword, _hashable(one)) for keyword, one in sorted(value.items()))
    return tuple(_hashable(one) for one in value) if isinstance(value, list) else value


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "\\".join(_written(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
