"""Conditions: one CEL expression, evaluated in three values, bounded, without loops.

Three-valued logic (Kleene 1952): a missing attribute makes what is said of it unknown, neither true nor false.

=======  =======  =======  =======  =======
a        b        a && b   a || b   !a
=======  =======  =======  =======  =======
true     unknown  unknown  true     false
false    unknown  false    unknown  true
unknown  unknown  unknown  unknown  unknown
=======  =======  =======  =======  =======

Only true matches, so neither an unknown condition nor its negation does. Types are checked when a rule is
(`node.rules.types`); a header's value that is not of its attribute's type is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import cel

from node.rules.grammar import Binary, GrammarError, Node, parse_condition
from node.rules.types import ConditionError, Type, check_types

LONGEST = 500
"""Characters that a condition may have; with loops refused, its cost is then bounded."""


class Ternary(StrEnum):
    """True, false, or not known."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition.

    Attributes
    ----------
    text
        The CEL expression.
    names
        What it refers to: DICOM keywords and ready facts.
    built_in
        Whether it stands in no rule file but holds for every slot.
    tree
        Its parts.
    operands
        The conditions that ``&&`` joins, each by itself; none where it is not such.
    has_patterns
        Whether it holds a regular expression, which costs more than all the rest.
    """

    text: str
    names: tuple[str, ...]
    built_in: bool = False
    tree: Node = field(repr=False, compare=False, kw_only=True)
    operands: tuple[Condition, ...] = field(default=(), repr=False, compare=False, kw_only=True)
    has_patterns: bool = field(default=False, repr=False, compare=False, kw_only=True)
    _program: cel.Program = field(repr=False, compare=False, kw_only=True)

    @classmethod
    def checked(cls, text: str, facts: Mapping[str, Type], *, keywords: bool, built_in: bool = False) -> Condition:
        """Return the condition, or say why it may not stand in a rule.

        Parameters
        ----------
        text
            CEL expression on one line.
        facts
            Types of the ready facts that it may name.
        keywords
            Whether it may name DICOM attributes.

        Raises
        ------
        ConditionError
            Too long, no CEL, a loop, an unknown name or function, or a comparison that could never be true.
        """
        text = text.strip()
        _check_length(text)
        try:
            tree = parse_condition(text)
        except GrammarError as error:
            raise ConditionError(str(error), 'write it as CEL, e.g. Modality == "MR"') from error
        typed = check_types(text, tree, facts, keywords=keywords)
        for pattern in typed.patterns:
            _check_pattern(pattern)
        try:
            program = cel.compile(typed.executable)
        except ValueError as error:
            raise ConditionError(_syntax(error), 'write it as CEL, e.g. Modality == "MR"') from error
        return cls(
            text,
            typed.names,
            built_in,
            tree=tree,
            operands=tuple(
                cls.checked(text[part.start : part.end], facts, keywords=keywords) for part in _joined_by_and(tree)
            ),
            has_patterns=typed.has_patterns,
            _program=program,
        )

    def evaluate(self, context: cel.Context) -> Ternary:
        """Evaluate the condition; a missing attribute is no variable of `context`. Never raises."""
        try:
            result = self._program.execute(context)
        except Exception:  # missing name, other type, out of range: all of them leave it open
            return Ternary.UNKNOWN
        if not isinstance(result, bool):
            return Ternary.UNKNOWN
        return Ternary.TRUE if result else Ternary.FALSE


def _joined_by_and(tree: Node) -> tuple[Node, ...]:
    if not (isinstance(tree, Binary) and tree.operator == "&&"):
        return ()
    parts = ((part, _joined_by_and(part)) for part in (tree.left, tree.right))
    return tuple(one for part, within in parts for one in within or (part,))


def _check_length(text: str) -> None:
    if not text:
        raise ConditionError("the condition is empty", "write one, or remove the entry")
    if len(text) > LONGEST:
        raise ConditionError(
            f"the condition has {len(text)} characters", f"keep it within {LONGEST}, or split it into several"
        )
    if "\n" in text or "\r" in text:
        raise ConditionError("the condition has several lines", "write it on one line")


def _check_pattern(literal: str) -> None:
    try:
        cel.compile(f"''.matches({literal})").execute({})
    except Exception as error:
        raise ConditionError(f"{literal} is no regular expression", "write one as RE2 takes it") from error


def _syntax(error: ValueError) -> str:
    found = re.search(r"ERROR: <input>:1:(\d+): (.*)", str(error))
    return f"{found[2].strip()} at character {found[1]}" if found else "this is no CEL expression"
