"""Compares the page of hazards with the tests: controls without a test, tests with an unknown id."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"^## (HAZ-\d\d) \S", re.MULTILINE)
_LISTED = re.compile(r"^\| (HAZ-\d\d) \|", re.MULTILINE)
_TEST = re.compile(r"`(tests/[^`]+\.py::test_\w+)`")


@dataclass(frozen=True)
class Hazard:
    """One section of the page: its id, its controls with the tests that each names, whether a residual risk stands."""

    id: str
    controls: tuple[tuple[str, tuple[str, ...]], ...]
    residual: bool


def hazards(page: str) -> list[Hazard]:
    """Return the hazards that `page` describes."""
    parts = _HEADING.split(page)
    return [
        Hazard(name, tuple(_controls(text)), _residual(text))
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    ]


def carried(root: Path) -> dict[str, set[str]]:
    """Return, for each test below `root`/tests, the ids that it carries by its own, its class's or its file's mark."""
    found: dict[str, set[str]] = {}
    for source in sorted((root / "tests").rglob("test_*.py")):
        tree = ast.parse(source.read_text())
        for name, ids in _tests(tree.body, _of_file(tree)):
            found[f"{source.relative_to(root)}::{name}"] = ids
    return found


def faults(page: str, tests: Mapping[str, set[str]]) -> list[str]:
    """Return what does not fit, as sentences."""
    described = hazards(page)
    known = {hazard.id for hazard in described}
    found = [f"{name} is in the table or has a section, not both" for name in known ^ set(_LISTED.findall(page))]
    for hazard in described:
        if not hazard.controls:
            found.append(f"{hazard.id} has no control")
        if not hazard.residual:
            found.append(f"{hazard.id} states no residual risk")
        for control, named in hazard.controls:
            if not named:
                found.append(f"{hazard.id}: no test for the control '{control}'")
            for test in named:
                if test not in tests:
                    found.append(f"{hazard.id}: {test} does not exist")
                elif hazard.id not in tests[test]:
                    found.append(f"{hazard.id}: {test} does not carry the id")
    found += [f"{test} carries {name}, which is unknown" for test, ids in tests.items() for name in ids - known]
    return sorted(found)


def _controls(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 2 and cells != ["control", "test"]:
            yield cells[0], tuple(_TEST.findall(cells[1]))


def _residual(text: str) -> bool:
    return any(len(line) > len("Residual risk: ") for line in text.splitlines() if line.startswith("Residual risk: "))


def _of_file(tree: ast.Module) -> set[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            return _ids([node.value])
    return set()


def _tests(body: list[ast.stmt], outer: set[str]) -> Iterator[tuple[str, set[str]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, outer | _ids(node.decorator_list))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, outer | _ids(node.decorator_list)


def _ids(marks: list[ast.expr]) -> set[str]:
    return {
        argument.value
        for mark in marks
        for call in ast.walk(mark)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "hazard"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
