"""What conditions that hold together leave of each name's values; where they leave none, they can never all hold.

Only what can be shown is used: a value, a list of values, a bound, a truth, a member of a list. Any other condition is
taken as a statement of its own, which contradicts its negation and nothing else.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from node.rules.facts import WEEKDAYS
from node.rules.grammar import Binary, ListOf, Literal, Name, Node, Unary, parse_condition
from node.rules.predicates import READY_VALUES

Value = str | float | bool

_VALUES = {**READY_VALUES, "weekday": frozenset(WEEKDAYS)}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Limits:
    """What is left of one name's values.

    Attributes
    ----------
    only
        The values that it may have; None: any.
    never
        The values that it may not have.
    low, high
        Bounds of a number, each with whether the bound itself is left out.
    holds, lacks
        Members that a list must hold, and those that it must not.
    said
        The conditions that say so.
    """

    only: frozenset[Value] | None = None
    never: frozenset[Value] = frozenset()
    low: tuple[float, bool] = (-math.inf, False)
    high: tuple[float, bool] = (math.inf, False)
    holds: frozenset[Value] = frozenset()
    lacks: frozenset[Value] = frozenset()
    said: tuple[str, ...] = field(default=(), compare=False)

    @property
    def leave_nothing(self) -> bool:
        """Whether no value is left."""
        if self.holds & self.lacks:
            return True
        if self.only is not None:
            return not any(self._allow(value) for value in self.only)
        (low, low_out), (high, high_out) = self.low, self.high
        return low > high or (low == high and (low_out or high_out))

    def meet(self, other: Limits) -> Limits:
        """Return what both leave."""
        only = other.only if self.only is None else self.only if other.only is None else self.only & other.only
        return Limits(
            only,
            self.never | other.never,
            max(self.low, other.low),
            min(self.high, other.high, key=lambda bound: (bound[0], not bound[1])),
            self.holds | other.holds,
            self.lacks | other.lacks,
            tuple(dict.fromkeys((*self.said, *other.said))),
        )

    def _allow(self, value: Value) -> bool:
        if value in self.never:
            return False
        if isinstance(value, bool) or not isinstance(value, int | float):
            return True
        (low, low_out), (high, high_out) = self.low, self.high
        return not (value < low or value > high or (value == low and low_out) or (value == high and high_out))


def limits_of(conditions: Iterable[str]) -> Mapping[str, Limits]:
    """Return what conditions that all hold leave of each name that they speak of."""
    found: dict[str, Limits] = {}
    for text in conditions:
        for name, limits in _limits(text, parse_condition(text), holds=True):
            limits = replace(limits, said=(text,))
            found[name] = found[name].meet(limits) if name in found else limits
    for name, values in _VALUES.items():
        if name in found:
            found[name] = found[name].meet(Limits(only=values))
    return found


def contradictions(limits: Mapping[str, Limits]) -> Iterator[tuple[str, Limits]]:
    """Yield each name of which nothing is left."""
    return ((name, one) for name, one in limits.items() if one.leave_nothing)


def exclude_each_other(first: Mapping[str, Limits], second: Mapping[str, Limits]) -> bool:
    """Return whether the conditions of both can be shown never to hold at once."""
    few, many = sorted((first, second), key=len)
    return any(name in many and limits.meet(many[name]).leave_nothing for name, limits in few.items())


def _limits(text: str, node: Node, *, holds: bool) -> Iterator[tuple[str, Limits]]:
    """Yield what a part says when it holds, or when it does not."""
    match node:
        case Binary("&&" | "||" as operator, left, right) if (operator == "&&") is holds:
            yield from _limits(text, left, holds=holds)
            yield from _limits(text, right, holds=holds)
        case Unary("!", operand):
            yield from _limits(text, operand, holds=not holds)
        case Name():
            yield node.name, Limits(only=frozenset({holds}))
        case Binary(operator, Name() as name, Literal() as literal) if operator in _MIRRORED:
            yield name.name, _compared(operator if holds else _NEGATED[operator], _value(literal))
        case Binary(operator, Literal() as literal, Name() as name) if operator in _MIRRORED:
            mirrored = _MIRRORED[operator]
            yield name.name, _compared(mirrored if holds else _NEGATED[mirrored], _value(literal))
        case Binary("in", Name() as name, ListOf(items)) if all(isinstance(item, Literal) for item in items):
            values = frozenset(_value(item) for item in items if isinstance(item, Literal))
            yield name.name, Limits(only=values) if holds else Limits(never=values)
        case Binary("in", Literal() as literal, Name() as name):
            member = frozenset({_value(literal)})
            yield name.name, Limits(holds=member) if holds else Limits(lacks=member)
        case _:
            yield f"`{text[node.start : node.end]}`", Limits(only=frozenset({holds}))


def _compared(operator: str, value: Value) -> Limits:
    if operator == "==":
        return Limits(only=frozenset({value}))
    if operator == "!=":
        return Limits(never=frozenset({value}))
    if isinstance(value, str):
        return Limits()  # texts have an order, which nobody uses for scans
    bound = (float(value), operator in "<>")
    return Limits(low=bound) if operator[0] == ">" else Limits(high=bound)


def _value(literal: Literal) -> Value:
    if literal.kind == "bool":
        return literal.written == "true"
    if literal.kind == "text":
        try:
            return str(ast.literal_eval(literal.written))
        except (SyntaxError, ValueError):  # an escape that CEL has and Python has not
            return literal.written
    return float(int(literal.written, 0)) if literal.kind == "int" else float(literal.written)
