"""The stories are judged by pydicom, numpy and the peers: neither they nor their harness import what they judge."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HARNESS = HERE.parent / "harness"
OURS = {"node", "pipelines", "models"}


def imported(file: Path) -> Iterator[str]:
    """Yield the first name of every module that `file` imports, wherever in it."""
    for statement in ast.walk(ast.parse(file.read_text())):
        if isinstance(statement, ast.Import):
            yield from (alias.name.split(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield (statement.module or "").split(".")[0]
        elif isinstance(statement, ast.Call) and "import_module" in ast.unparse(statement.func):
            yield ast.literal_eval(statement.args[0]).split(".")[0]


def reached(file: Path) -> set[Path]:
    """Return `file` and every module of the harness that it imports, directly or through another."""
    found: set[Path] = set()
    left = [file]
    while left:
        current = left.pop()
        found.add(current)
        modules = {HARNESS / f"{name}.py" for name in imported(current)}
        left += [module for module in modules if module.exists() and module not in found]
    return found


@pytest.mark.parametrize("story", sorted(HERE.glob("*.py")), ids=lambda path: path.name)
def test_a_story_imports_nothing_of_ours(story: Path) -> None:
    for file in reached(story):
        assert OURS.isdisjoint(imported(file)), f"{file} imports what it judges"


def test_the_look_finds_an_import_however_it_is_written(tmp_path: Path) -> None:
    for line in ("import node.status", "from pipelines.contract import Check", "def f():\n    import models"):
        (tmp_path / "story.py").write_text(line)
        assert OURS & set(imported(tmp_path / "story.py"))
