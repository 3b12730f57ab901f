"""What a condition wants, in words: the value that a series would need to meet it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from node.rules.grammar import Binary, ListOf, Literal, Name, Node, Unary

_RELATIONS: Mapping[str, str] = MappingProxyType(
    {"==": "", "!=": "other than ", "<": "under ", "<=": "at most ", ">": "over ", ">=": "at least "}
)
_MIRRORED: Mapping[str, str] = MappingProxyType({"<": ">", "<=": ">=", ">": "<", ">=": "<="})


def describe_wanted(text: str, tree: Node) -> str:
    """Return what would make a condition true, e.g. ``Modality MR``, ``EchoTime under 5`` or ``is_derived false``.

    Parameters
    ----------
    text, tree
        The condition, as written and as parsed. What is not one comparison is returned as written.
    """
    return _wanted(text, tree, negated=False) or text


def _wanted(text: str, node: Node, *, negated: bool) -> str:
    match node:
        case Unary(operator="!"):
            return _wanted(text, node.operand, negated=not negated)
        case Name():
            return f"{node.name} {'false' if negated else 'true'}"
        case Binary(operator="in", left=Literal() as one, right=Name() as among):
            return f"{'no ' if negated else ''}{_plain(text, one)} in {among.name}"
        case Binary(operator="in", left=Name() as name, right=ListOf() as several):
            listed = ", ".join(_plain(text, one) for one in several.items)
            return f"{name.name} {'none' if negated else 'one'} of {listed}"
        case Binary(left=Name() as name, right=Literal() as value) if node.operator in _RELATIONS:
            return _compared(name.name, node.operator, _plain(text, value), negated=negated)
        case Binary(left=Literal() as value, right=Name() as name) if node.operator in _RELATIONS:
            mirrored = _MIRRORED.get(node.operator, node.operator)
            return _compared(name.name, mirrored, _plain(text, value), negated=negated)
    return ""


def _compared(name: str, operator: str, value: str, *, negated: bool) -> str:
    inverse = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
    return f"{name} {_RELATIONS[inverse[operator] if negated else operator]}{value}"


def _plain(text: str, node: Node) -> str:
    written = text[node.start : node.end]
    return written[1:-1] if isinstance(node, Literal) and node.kind == "text" and written[0] in "\"'" else written
