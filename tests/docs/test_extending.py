"""Every example of docs/extending.md, put into a copy of the source and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+) (file=(\S+)( replace)?|check)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.slow


def newest_revision() -> str:
    versions = (ROOT / "node" / "database" / "migrations" / "versions").glob("[0-9]*.py")
    return max(file.name[:4] for file in versions)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with all files and changes of the page."""
    copy = tmp_path_factory.mktemp("source")
    for floor in ("node", "pipelines", "models"):
        shutil.copytree(ROOT / floor, copy / floor, ignore=shutil.ignore_patterns("__pycache__", "library"))
    (copy / "models" / "library").symlink_to(ROOT / "models" / "library")
    shutil.copy(ROOT / "pyproject.toml", copy)
    for _, _, name, replaces, content in BLOCK.findall(PAGE):
        if not name:
            continue
        file = copy / name
        if replaces:
            before, after = content.rstrip("\n").split("\n===\n")
            text = file.read_text(encoding="utf-8")
            assert text.count(before) == 1, f"{name} has {before!r} {text.count(before)} times: mend docs/extending.md"
            file.write_text(text.replace(before, after), encoding="utf-8")
        else:
            assert not file.exists(), f"{name} is there already"
            file.write_text(re.sub(r'(down_revision = )"\d+"', rf'\1"{newest_revision()}"', content), encoding="utf-8")
    return copy


def test_every_example_works(copy: Path) -> None:
    checks = "\n".join(content for _, kind, _, _, content in BLOCK.findall(PAGE) if kind == "check")
    assert checks.count("assert") >= 8
    script = f"import sys\nsys.path.insert(0, {str(copy)!r})\n{checks}\nprint('all of them')\n"
    environment = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", script], cwd=copy, env=environment, capture_output=True, text=True)
    assert ended.stdout.splitlines()[-1:] == ["all of them"], ended.stderr[-3000:]


def test_examples_are_written_as_the_project_is(copy: Path) -> None:
    made = [
        str(copy / name) for _, _, name, replaces, _ in BLOCK.findall(PAGE) if name.endswith(".py") and not replaces
    ]
    assert len(made) >= 5
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--config", str(ROOT / "pyproject.toml"), *made]
    ended = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


THINGS = ("pipeline", "kind of network", "part", "trainer", "recipe", "metric", "check", "reason code", "setting")


@pytest.mark.parametrize("thing", [*THINGS, "migration", "supervised child"])
def test_the_page_has_a_section_on(thing: str) -> None:
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert any(thing in heading for heading in headings)


def test_files_that_the_page_links_to_are_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
