"""Types of conditions: what each part of one yields, so that what could never match is refused when it is written.

CEL compares a number with a text, or looks for a text in a text, only to fail when it is evaluated; a rule that says so
would never match and never say why. Numbers are one type to whoever writes rules: where CEL wants a whole number and a
decimal one of the same kind, the whole one is made decimal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_dict, tag_for_keyword

from node.rules.grammar import Binary, Call, Conditional, Index, ListOf, Literal, Member, Name, Node, Unary
from pipelines.headers.private import PRIVATE
from pipelines.headers.values import DECIMAL_NUMBERS, TEXTS, WHOLE_NUMBERS


@dataclass(frozen=True, slots=True)
class Type:
    """What a part of a condition yields.

    Attributes
    ----------
    kind
        ``bool``, ``int``, ``double``, ``text``, ``item`` of a sequence, or ``list``.
    of
        What a list holds; None for what is no list, and for an empty one.
    """

    kind: str
    of: Type | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is a number, whole or not."""
        return self.kind in ("int", "double")

    def __str__(self) -> str:
        if self.kind == "list":
            return "an empty list" if self.of is None else f"a list of {_PLURALS[self.of.kind]}"
        return _SINGULARS[self.kind]


_SINGULARS = {"bool": "true or false", "int": "a number", "double": "a number", "text": "text", "item": "an item"}
_PLURALS = {"bool": "truths", "int": "numbers", "double": "numbers", "text": "texts", "item": "items", "list": "lists"}

BOOL, INT, DOUBLE, TEXT, ITEM = Type("bool"), Type("int"), Type("double"), Type("text"), Type("item")


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


def keyword_type(keyword: str) -> Type | None:
    """Return the type of an attribute's value (PS3.6); None for an unknown keyword and for what holds bytes.

    An attribute that may hold several values is a list even when it holds one.
    """
    private, tag = PRIVATE.get(keyword), tag_for_keyword(keyword)
    if private is not None:
        first, multiplicity = private.representation, private.multiplicity
    elif tag is not None:
        first, multiplicity = dictionary_VR(tag).split(" or ")[0], dictionary_VM(tag)
    else:
        return None
    if first == "SQ":
        return Type("list", ITEM)
    single = INT if first in WHOLE_NUMBERS else DOUBLE if first in DECIMAL_NUMBERS else TEXT if first in TEXTS else None
    return single if single is None or multiplicity == "1" else Type("list", single)


@dataclass(frozen=True, slots=True)
class TypedCondition:
    """A condition whose every part has a type.

    Attributes
    ----------
    executable
        The text to evaluate: that of the condition, with whole numbers made decimal where CEL wants it.
    names
        The DICOM keywords and ready facts that it refers to, each once, in their order.
    patterns
        The regular expressions in it, as written.
    has_patterns
        Whether it matches a text with a regular expression, be it written in it or not.
    """

    executable: str
    names: tuple[str, ...]
    patterns: tuple[str, ...]
    has_patterns: bool


def check_types(text: str, tree: Node, facts: Mapping[str, Type], *, keywords: bool) -> TypedCondition:
    """Return the condition with the types of CEL, or say why it could never match.

    Parameters
    ----------
    text, tree
        The condition, as written and as parsed.
    facts
        Types of the ready facts that it may name.
    keywords
        Whether it may name DICOM attributes.

    Raises
    ------
    ConditionError
        An unknown name or function, or an operand of a type that its operator does not take.
    """
    checker = _Checker(text, facts, keywords)
    found = checker.type_of(tree)
    if found != BOOL:
        raise ConditionError(f"it is {found} and not true or false", "compare it, e.g. EchoTime > 0")
    return TypedCondition(checker.executable, tuple(checker.names), tuple(checker.patterns), checker.has_patterns)


class _Checker:
    """Finds the type of each part from those of its parts; notes names, and what is to be made decimal."""

    def __init__(self, text: str, facts: Mapping[str, Type], keywords: bool) -> None:
        self.names: dict[str, None] = {}
        self.patterns: list[str] = []
        self.has_patterns = False
        self._text = text
        self._facts = facts
        self._keywords = keywords
        self._decimal: dict[tuple[int, int], Node] = {}

    @property
    def executable(self) -> str:
        """The text in which every noted part is made decimal."""
        text = self._text
        edits: list[tuple[int, str]] = []
        for (start, end), node in self._decimal.items():
            if isinstance(node, Literal) and text[start:end].isdecimal():
                edits.append((end, ".0"))
            else:
                edits += [(start, "double("), (end, ")")]
        for at, written in sorted(edits, reverse=True):
            text = text[:at] + written + text[at:]
        return text

    def type_of(self, node: Node) -> Type:
        """Return what a part yields."""
        match node:
            case Literal():
                return Type(node.kind)
            case Name():
                return self._name(node)
            case Member():
                return self._member(node)
            case Index():
                return self._index(node)
            case Call():
                return self._call(node)
            case ListOf():
                return self._list(node)
            case Unary():
                return self._unary(node)
            case Binary():
                return self._binary(node)
            case Conditional():
                return self._conditional(node)
        raise AssertionError(node)

    def _said(self, node: Node) -> str:
        return self._text[node.start : node.end]

    def _name(self, node: Name) -> Type:
        self.names[node.name] = None
        if node.name in self._facts:
            return self._facts[node.name]
        if not self._keywords or (node.name not in keyword_dict and node.name not in PRIVATE):
            raise ConditionError(f"unknown name {node.name}", self._nearest(node.name))
        return _valued(node.name)

    def _nearest(self, name: str) -> str:
        close = get_close_matches(
            name, [*self._facts, *((*PRIVATE, *keyword_dict) if self._keywords else ())], n=1, cutoff=0.7
        )
        if close:
            return f"did you mean {close[0]}?"
        facts = ", ".join(sorted(self._facts))
        return f"use a DICOM keyword or one of {facts}" if self._keywords else f"use one of {facts}"

    def _member(self, node: Member) -> Type:
        of = self.type_of(node.of)
        if of != ITEM:
            whole = self._said(node.of)
            remedy = f"write {whole}[0].{node.keyword}" if of == Type("list", ITEM) else "only items of a sequence do"
            raise ConditionError(f"{whole} is {of} and has no attributes", remedy)
        if node.keyword not in keyword_dict:
            close = get_close_matches(node.keyword, keyword_dict, n=1, cutoff=0.7)
            raise ConditionError(
                f"unknown name {node.keyword}", f"did you mean {close[0]}?" if close else "use a DICOM keyword"
            )
        return _valued(node.keyword)

    def _index(self, node: Index) -> Type:
        of, index = self.type_of(node.of), self.type_of(node.index)
        if of.kind != "list" or of.of is None:
            raise ConditionError(
                f"{self._said(node.of)} is {of} and no list", "leave out the brackets: it has one value"
            )
        if index != INT:
            raise ConditionError(f"{self._said(node.index)} is no index", "write a whole number, 0 for the first")
        return of.of

    def _list(self, node: ListOf) -> Type:
        types = [self.type_of(item) for item in node.items]
        if not types:
            return Type("list")
        if all(one.is_number for one in types):
            return Type("list", INT if all(one == INT for one in types) else DOUBLE)
        if any(one != types[0] for one in types):
            raise ConditionError(f"{self._said(node)} mixes {_joined(types)}", "list values of one kind")
        return Type("list", types[0])

    def _unary(self, node: Unary) -> Type:
        operand = self.type_of(node.operand)
        if operand == BOOL if node.operator == "!" else operand.is_number:
            return operand
        wanted = "true or false" if node.operator == "!" else "a number"
        raise ConditionError(
            f"{node.operator} stands before {self._said(node.operand)}, which is {operand}", f"it wants {wanted}"
        )

    def _binary(self, node: Binary) -> Type:
        left, right = self.type_of(node.left), self.type_of(node.right)
        return _OPERATORS[node.operator](self, node, left, right)

    def _conditional(self, node: Conditional) -> Type:
        test, then, otherwise = (self.type_of(part) for part in (node.test, node.then, node.otherwise))
        if test != BOOL:
            raise ConditionError(f"{self._said(node.test)} is {test} and not true or false", "compare it")
        if then.is_number and otherwise.is_number and then != otherwise:
            for part, found in ((node.then, then), (node.otherwise, otherwise)):
                self._as_decimal(part, found)
            return DOUBLE
        if then != otherwise:
            raise ConditionError(f"{self._said(node)} is {then} or else {otherwise}", "make both of one kind")
        return then

    def _as_decimal(self, node: Node, found: Type) -> None:
        if found == INT:
            self._decimal[node.start, node.end] = node

    # Operators ---------------------------------------------------------------------------------------------------

    def joins(self, node: Binary, left: Type, right: Type) -> Type:
        for part, found in ((node.left, left), (node.right, right)):
            if found != BOOL:
                raise ConditionError(
                    f"{node.operator} joins {self._said(part)}, which is {found}", "it joins what is true or false"
                )
        return BOOL

    def equals(self, node: Binary, left: Type, right: Type) -> Type:
        if not _comparable(left, right):
            raise self._never(node, left, right)
        return BOOL

    def orders(self, node: Binary, left: Type, right: Type) -> Type:
        if (left.is_number and right.is_number) or left == right == TEXT:
            return BOOL
        if left != right:
            raise self._never(node, left, right)
        raise ConditionError(f"{node.operator} orders numbers or texts, not {left}", "use == or !=")

    def looks_in(self, node: Binary, left: Type, right: Type) -> Type:
        if right.kind != "list":
            value = self._said(node.right)
            remedy = f"write {value}.contains({self._said(node.left)})" if right == left == TEXT else "use =="
            raise ConditionError(f"`in` looks into a list, and {value} is {right}", remedy)
        if right.of is not None and not _comparable(left, right.of):
            raise self._never(node, left, right)
        return BOOL

    def computes(self, node: Binary, left: Type, right: Type) -> Type:
        if node.operator == "+" and left == right and (left == TEXT or left.kind == "list"):
            return left
        if not (left.is_number and right.is_number):
            raise ConditionError(
                f"{self._said(node)} computes with {_joined([left, right])}", f"{node.operator} wants numbers"
            )
        if node.operator == "%" and DOUBLE in (left, right):
            raise ConditionError(f"{self._said(node)} has decimal numbers", "% wants whole ones")
        if left != right:
            self._as_decimal(node.left, left)
            self._as_decimal(node.right, right)
            return DOUBLE
        return left

    def _never(self, node: Binary, left: Type, right: Type) -> ConditionError:
        said_left, said_right = self._said(node.left), self._said(node.right)
        problem = f"{self._said(node)} compares {_joined([left, right])}, which are never equal"
        if left.kind == "list" and right.kind != "list" and node.operator in ("==", "!="):
            asked = f"{said_right} in {said_left}"
            return ConditionError(problem, f"write {asked}" if node.operator == "==" else f"write !({asked})")
        for number, other, written in ((left, right, said_right), (right, left, said_left)):
            if number.is_number and other == TEXT and written[0] in "\"'":
                return ConditionError(problem, f"write the number without quotes: {written.strip(chr(34) + chr(39))}")
            if number == TEXT and other.is_number and written[0].isdigit():
                return ConditionError(problem, f'write the text in quotes: "{written}"')
        return ConditionError(problem, "compare values of one kind")

    # Functions ---------------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Type:
        if node.function in _LOOPS:
            raise ConditionError(
                f"{node.function} is refused: its cost would not be bounded or a missing value would be hidden",
                'use `in`, e.g. "IR" in ScanningSequence',
            )
        accepted = _FUNCTIONS.get(node.function)
        if accepted is None:
            raise ConditionError(
                f"unknown function {node.function}", f"use operators, or one of {', '.join(sorted(_FUNCTIONS))}"
            )
        operands = node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        types = tuple(self.type_of(operand) for operand in operands)
        if (node.receiver is not None) not in accepted.as_method or len(types) != accepted.operands:
            raise ConditionError(f"{node.function} is not called so", f"write {accepted.example}")
        found = accepted.yields(*types)
        if found is None:
            said = self._said(operands[0])
            if node.function == "contains" and types == (Type("list", TEXT), TEXT):
                raise ConditionError(f"{said} is {types[0]}", f"write {self._said(operands[1])} in {said}")
            raise ConditionError(f"{node.function} does not take {_joined(types)}", f"write {accepted.example}")
        self.has_patterns |= node.function == "matches"
        self.patterns += [
            self._said(one) for one in node.arguments if node.function == "matches" and isinstance(one, Literal)
        ]
        return found


@dataclass(frozen=True, slots=True)
class _Function:
    example: str
    operands: int
    as_method: frozenset[bool]
    yields: Callable[..., Type | None]


_LOOPS = frozenset(
    {"all", "bind", "exists", "existsOne", "exists_one", "filter", "has", "map", "transformList", "transformMap"}
)

_METHOD, _PLAIN, _EITHER = frozenset({True}), frozenset({False}), frozenset({True, False})


def _of_texts(left: Type, right: Type) -> Type | None:
    return BOOL if left == right == TEXT else None


def _conversion(to: Type) -> Callable[[Type], Type | None]:
    return lambda of: to if of.is_number or of == TEXT else None


_FUNCTIONS: Mapping[str, _Function] = MappingProxyType(
    {
        "contains": _Function('SeriesDescription.contains("T1")', 2, _METHOD, _of_texts),
        "startsWith": _Function('SeriesDescription.startsWith("T1")', 2, _METHOD, _of_texts),
        "endsWith": _Function('SeriesDescription.endsWith("T1")', 2, _METHOD, _of_texts),
        "matches": _Function('SeriesDescription.matches("(?i)t1")', 2, _METHOD, _of_texts),
        "size": _Function(
            "size(ImageType) > 2", 1, _EITHER, lambda of: INT if of == TEXT or of.kind == "list" else None
        ),
        "int": _Function("int(SeriesDescription) > 2", 1, _PLAIN, _conversion(INT)),
        "double": _Function("double(SeriesDescription) > 2.0", 1, _PLAIN, _conversion(DOUBLE)),
        "string": _Function('string(SeriesNumber) == "2"', 1, _PLAIN, _conversion(TEXT)),
    }
)

_OPERATORS: Mapping[str, Callable[[_Checker, Binary, Type, Type], Type]] = MappingProxyType(
    {
        **dict.fromkeys(("&&", "||"), _Checker.joins),
        **dict.fromkeys(("==", "!="), _Checker.equals),
        **dict.fromkeys(("<", "<=", ">", ">="), _Checker.orders),
        **dict.fromkeys(("+", "-", "*", "/", "%"), _Checker.computes),
        "in": _Checker.looks_in,
    }
)


def _valued(keyword: str) -> Type:
    found = keyword_type(keyword)
    if found is None:
        raise ConditionError(f"{keyword} holds neither text nor numbers", "ask another attribute")
    return found


def _comparable(left: Type, right: Type) -> bool:
    if left.is_number and right.is_number:
        return True
    if left.kind == right.kind == "list":
        return left.of is None or right.of is None or _comparable(left.of, right.of)
    return left == right and left != ITEM


def _joined(types: Iterable[Type]) -> str:
    return " and ".join(dict.fromkeys(str(one) for one in types))
