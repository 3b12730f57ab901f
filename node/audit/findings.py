"""What a verification can find."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.contract import Parameter, Reason


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing that is wrong with the trail.

    Attributes
    ----------
    reason
        What it is; `node.reasons.text` makes the sentence.
    first, last
        The numbers of the rows that it concerns, None when it concerns no rows.
    """

    reason: Reason
    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, code: str, **parameters: Parameter) -> AuditFinding:
        """Return a finding that concerns no rows."""
        return cls(Reason(code, parameters))

    @classmethod
    def at(cls, code: str, first: int, last: int, **parameters: Parameter) -> AuditFinding:
        """Return a finding on the rows from `first` to `last`."""
        return cls(Reason(code, {"first": first, "last": last, **parameters}), first, last)


def spans(code: str, numbers: Iterable[int]) -> list[AuditFinding]:
    """Return one finding for each run of consecutive `numbers`."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return [AuditFinding.at(code, first, last) for first, last in found]
