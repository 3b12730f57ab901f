"""Findings about a rule set: where, what is wrong, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    """The rule set cannot be activated."""
    WARNING = "warning"
    """It can, and a person should know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a rule set, or may be.

    Attributes
    ----------
    rule
        The rule's name; empty when it is about the whole file.
    key
        The path of the key within the rule, or within the file.
    value
        What stands there, if that helps; at most 80 characters.
    problem, remedy
        What is wrong with it, and what to do.
    """

    rule: str
    key: str
    value: str
    problem: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"rule {self.rule}, {self.key}" if self.rule else self.key
        shown = f" `{self.value}`" if self.value else ""
        return f"{where}{shown}: {self.problem} ({self.remedy})"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as commands print it."""
        return {
            "severity": self.severity.value,
            "rule": self.rule,
            "key": self.key,
            "value": self.value,
            "problem": self.problem,
            "remedy": self.remedy,
        }


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return those that keep a rule set from being activated, each once."""
    return tuple(dict.fromkeys(one for one in findings if one.severity is Severity.ERROR))


def describe(findings: Iterable[Finding], most: int = 10) -> str:
    """Return the findings in one sentence, the first `most` in full."""
    found = list(dict.fromkeys(map(str, findings)))
    further = f"; and {len(found) - most} more" if len(found) > most else ""
    return "; ".join(found[:most]) + further
