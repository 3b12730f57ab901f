from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models.cli import COMMANDS as MODELS
from models.cli.lazy import lazy_group
from node.cli.app import COMMANDS as NODE


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    (tmp_path / "lazily_loaded.py").write_text(
        "import typer\n"
        "def greet(name: str) -> None:\n    '''Greet somebody.'''\n    print('hello', name)\n"
        "app = typer.Typer()\n"
        "@app.command()\ndef one() -> None:\n    print('one')\n"
        "@app.command()\ndef two() -> None:\n    print('two')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lazily_loaded", raising=False)
    commands = {"greet": "lazily_loaded:greet", "numbers": "lazily_loaded:app", "gone": "no_such_module:x"}
    return typer.Typer(cls=lazy_group(commands), callback=lambda: None)


def test_a_function_and_a_group_are_commands(app: typer.Typer) -> None:
    run = CliRunner().invoke
    assert run(app, ["greet", "you"]).stdout == "hello you\n"
    assert run(app, ["numbers", "two"]).stdout == "two\n"


def test_nothing_is_imported_for_another_command(app: typer.Typer) -> None:
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == 2
    assert "lazily_loaded" not in sys.modules


@pytest.mark.parametrize("place", [*MODELS.values(), *NODE.values()])
def test_every_command_is_where_the_table_says(place: str) -> None:
    module, _, attribute = place.partition(":")
    assert callable(getattr(__import__(module, fromlist=[attribute]), attribute))


@pytest.mark.parametrize(
    ("command", "never"),
    [
        (["models", "show", "head-mr-to-ct"], {"torch", "sqlalchemy", "dbos", "SimpleITK", "monai"}),
        (["models", "list"], {"torch", "sqlalchemy", "dbos", "SimpleITK", "monai"}),
        (["status", "--help"], {"torch", "monai"}),
        (["send", "--help"], {"torch", "monai", "dbos"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_nothing_heavy_that_it_does_not_use(command: list[str], never: set[str]) -> None:
    script = (
        "import sys\nfrom node.cli import main\n"
        f"sys.argv = ['synthnode', *{command!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', sorted({never!r} & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "LOADED []"
