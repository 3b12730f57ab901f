"""Conditions: one CEL expression, judged in three values, bounded, without loops.

Three-valued logic (Kleene 1952): a missing attribute makes what is said of it unknown, neither true nor false.

=======  =======  =======  =======  =======
a        b        a && b   a || b   !a
=======  =======  =======  =======  =======
true     unknown  unknown  true     false
false    unknown  false    unknown  true
unknown  unknown  unknown  unknown  unknown
=======  =======  =======  =======  =======

Only true matches, so neither an unknown condition nor its negation does. A value of another type than the
comparison needs makes it unknown as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

import cel
from pydicom.datadict import keyword_dict

LONGEST = 500
"""Characters that a condition may have; with loops refused, its cost is then bounded."""

_OPERATORS = frozenset(
    {"!_", "-_", "_!=_", "_%_", "_&&_", "_*_", "_+_", "_-_", "_/_", "_<=_", "_<_", "_==_", "_>=_", "_>_", "_?_:_"}
    | {"_[_]", "_||_", "@in"}
)
_FUNCTIONS = frozenset({"contains", "double", "endsWith", "int", "matches", "size", "startsWith", "string"})
_MACROS = frozenset(
    {"all", "bind", "exists", "existsOne", "exists_one", "filter", "has", "map", "transformList", "transformMap"}
)
_LITERAL = re.compile(r"""[rRbB]{0,2}("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


class Ternary(StrEnum):
    """True, false, or not known."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


class ConditionError(Exception):
    """A condition that may not stand in a rule.

    Attributes
    ----------
    problem, remedy
        What is wrong with it, and what to write instead.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(f"{problem}; {remedy}")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one condition came to.

    Attributes
    ----------
    condition
        Its text.
    verdict
        True, false or unknown.
    seen
        Value of each name that it refers to and that has one.
    missing
        Names that it refers to and that have none.
    built_in
        Whether it stands in no rule file but holds for every slot.
    notes
        What its values were read from and how the series' instances differ in it, in words.
    """

    condition: str
    verdict: Ternary
    seen: Mapping[str, Any]
    missing: tuple[str, ...]
    built_in: bool = False
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the judgement as the explanation shows it."""
        return {
            "condition": self.condition,
            "verdict": self.verdict.value,
            "seen": dict(self.seen),
            "missing": list(self.missing),
            "built_in": self.built_in,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition.

    Attributes
    ----------
    text
        The CEL expression.
    names
        What it refers to: DICOM keywords and ready facts.
    """

    text: str
    names: tuple[str, ...]
    built_in: bool = False
    _program: cel.Program = field(repr=False, compare=False, kw_only=True)

    @classmethod
    def checked(cls, text: str, ready: frozenset[str], *, keywords: bool, built_in: bool = False) -> Condition:
        """Return the condition, or say why it may not stand in a rule.

        Parameters
        ----------
        text
            CEL expression on one line.
        ready
            Names of ready facts that it may use.
        keywords
            Whether it may use DICOM keywords.

        Raises
        ------
        ConditionError
            Too long, no CEL, a loop, an unknown name or an unknown function.
        """
        text = text.strip()
        _refuse_unbounded(text)
        try:
            program = cel.compile(text)
        except ValueError as error:
            raise ConditionError(_syntax(error), 'write it as CEL, e.g. Modality == "MR"') from error
        foreign = sorted(set(program.functions()) - _OPERATORS - _FUNCTIONS)
        if foreign:
            known = ", ".join(sorted(_FUNCTIONS))
            raise ConditionError(f"unknown function {foreign[0]}", f"use operators, or one of {known}")
        names = tuple(program.variables())
        for name in names:
            if name not in ready and not (keywords and name in keyword_dict):
                raise ConditionError(f"unknown name {name}", _nearest(name, ready, keywords))
        return cls(text, names, built_in, _program=program)

    def judge(self, values: Mapping[str, Any]) -> Judgement:
        """Judge the condition on `values`, in which a missing attribute has no key; never raises."""
        seen = {name: values[name] for name in self.names if name in values}
        missing = tuple(name for name in self.names if name not in values)
        try:
            result = self._program.execute(seen)
        except Exception:  # missing name, other type, out of range: all of them leave it open
            result = None
        verdict = Ternary.UNKNOWN if not isinstance(result, bool) else Ternary.TRUE if result else Ternary.FALSE
        return Judgement(self.text, verdict, seen, missing, self.built_in)


def _refuse_unbounded(text: str) -> None:
    if not text:
        raise ConditionError("the condition is empty", "write one, or remove the entry")
    if len(text) > LONGEST:
        raise ConditionError(
            f"the condition has {len(text)} characters", f"keep it within {LONGEST}, or split it into several"
        )
    # On one line a comment hides nothing after it, and no literal but the two plain ones can stand.
    if "\n" in text or "\r" in text or '"""' in text or "'''" in text:
        raise ConditionError("the condition has several lines", "write it on one line")
    loops = _MACROS & set(_IDENTIFIER.findall(_LITERAL.sub('""', text)))
    if loops:
        raise ConditionError(
            f"{min(loops)} is refused: its cost would not be bounded or a missing value would be hidden",
            'use `in`, e.g. "IR" in ScanningSequence',
        )


def _nearest(name: str, ready: frozenset[str], keywords: bool) -> str:
    known = [*sorted(ready), *(keyword_dict if keywords else ())]
    close = get_close_matches(name, known, n=1, cutoff=0.7)
    if close:
        return f"did you mean {close[0]}?"
    ready_names = ", ".join(sorted(ready))
    return f"use a DICOM keyword or one of {ready_names}" if keywords else f"use one of {ready_names}"


def _syntax(error: ValueError) -> str:
    found = re.search(r"ERROR: <input>:1:(\d+): (.*)", str(error))
    return f"{found[2].strip()} at character {found[1]}" if found else "this is no CEL expression"
