"""The part of CEL that conditions may use, as a tree: operators, calls, names, literals and lists, without loops."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

DEEPEST = 40
"""How deep brackets, lists, calls and signs may nest."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>[rR]?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
  | (?P<double>(?:\d+\.\d+|\.\d+)(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
  | (?P<int>0x[0-9a-fA-F]+|\d+)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]])
    )""",
    re.VERBOSE | re.ASCII,
)
_END = "end"

_BINARY: tuple[frozenset[str], ...] = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
"""Operators of two operands, the loosest first; those of one level bind from the left."""


class GrammarError(Exception):
    """What cannot be read as a condition.

    Attributes
    ----------
    problem
        What stands there instead.
    at
        Index of the character.
    """

    def __init__(self, problem: str, at: int) -> None:
        self.problem, self.at = problem, at
        super().__init__(f"{problem} at character {at + 1}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of a condition; it stands in its text from `start` up to `end`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A text, number or truth value as it is written; `kind` is ``text``, ``int``, ``double`` or ``bool``."""

    kind: str
    written: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A DICOM keyword or a ready fact."""

    name: str


@dataclass(frozen=True, slots=True)
class Member(Node):
    """An attribute of a sequence's item."""

    of: Node
    keyword: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """One value of a list, or one item of a sequence."""

    of: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, of `receiver` where it is written behind a dot."""

    function: str
    receiver: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """A list as it is written."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``!`` or ``-`` before an operand."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """An operator between two operands."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """``test ? then : otherwise``."""

    test: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    written: str
    start: int
    end: int


def parse_condition(text: str) -> Node:
    """Return the tree of a condition.

    Raises
    ------
    GrammarError
        It is no CEL, nests deeper than `DEEPEST`, or uses what conditions may not: maps, bytes, null.
    """
    reader = _Reader(tuple(_tokens(text)))
    tree = reader.conditional()
    reader.expect(_END)
    return tree


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            raise GrammarError(f"{text[start]!r} may not stand in a condition", start)
        kind = str(found.lastgroup)
        written = found[kind]
        yield _Token(written if kind == "sign" or written == "in" else kind, written, found.start(kind), found.end())
        at = found.end()
        if kind in ("int", "double") and re.match(r"[\w.]", text[at : at + 1]):
            raise GrammarError(f"{written}{text[at]} is no number", found.start(kind))
    yield _Token(_END, "", end, end)


class _Reader:
    """Reads tokens by descent, a method for each level of the grammar."""

    def __init__(self, tokens: tuple[_Token, ...]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def conditional(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise GrammarError("the condition nests too deeply", self._next.start)
        test = self._binary(0)
        if self._take("?"):
            then = self._binary(0)
            self.expect(":")
            otherwise = self.conditional()
            test = Conditional(test, then, otherwise, start=test.start, end=otherwise.end)
        self._depth -= 1
        return test

    def expect(self, kind: str) -> _Token:
        token = self._next
        if token.kind != kind:
            found = "it ends" if token.kind == _END else f"{token.written} stands"
            raise GrammarError(f"{found} where {'nothing more' if kind == _END else kind} is expected", token.start)
        self._at += 1
        return token

    @property
    def _next(self) -> _Token:
        return self._tokens[min(self._at, len(self._tokens) - 1)]

    def _take(self, *kinds: str) -> _Token | None:
        token = self._next
        if token.kind not in kinds:
            return None
        self._at += 1
        return token

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while token := self._take(*_BINARY[level]):
            right = self._binary(level + 1)
            left = Binary(token.kind, left, right, start=left.start, end=right.end)
        return left

    def _unary(self) -> Node:
        signs = []
        while token := self._take("!", "-"):
            signs.append(token)
        operand = self._member()
        if len(signs) > DEEPEST:
            raise GrammarError("the condition nests too deeply", signs[0].start)
        for token in reversed(signs):
            operand = Unary(token.kind, operand, start=token.start, end=operand.end)
        return operand

    def _member(self) -> Node:
        node = self._primary()
        while token := self._take(".", "["):
            if token.kind == "[":
                index = self.conditional()
                node = Index(node, index, start=node.start, end=self.expect("]").end)
                continue
            name = self.expect("name")
            if self._take("("):
                arguments, end = self._items(")")
                node = Call(name.written, node, arguments, start=node.start, end=end)
            else:
                node = Member(node, name.written, start=node.start, end=name.end)
        return node

    def _primary(self) -> Node:
        if token := self._take("("):
            inner = self.conditional()
            return replace(inner, start=token.start, end=self.expect(")").end)
        if token := self._take("["):
            items, end = self._items("]")
            return ListOf(items, start=token.start, end=end)
        if token := self._take("text", "int", "double"):
            return Literal(token.kind, token.written, start=token.start, end=token.end)
        token = self.expect("name") if self._next.kind == "name" else self._fail()
        if self._take("("):
            arguments, end = self._items(")")
            return Call(token.written, None, arguments, start=token.start, end=end)
        if token.written in ("true", "false"):
            return Literal("bool", token.written, start=token.start, end=token.end)
        return Name(token.written, start=token.start, end=token.end)

    def _items(self, closing: str) -> tuple[tuple[Node, ...], int]:
        if end := self._take(closing):
            return (), end.end
        items = [self.conditional()]
        while self._take(","):
            items.append(self.conditional())
        return tuple(items), self.expect(closing).end

    def _fail(self) -> _Token:
        token = self._next
        found = "it ends" if token.kind == _END else f"{token.written} stands"
        raise GrammarError(f"{found} where a name or a value is expected", token.start)
