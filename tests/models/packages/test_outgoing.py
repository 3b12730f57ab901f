"""Export writes what its name says, to a place that is new, or says why not."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from models.cli import app

Writer = Callable[[], Path]


@pytest.fixture
def export(write_small_package: Writer) -> Callable[..., Result]:
    folder = write_small_package()
    return lambda out, *more: CliRunner().invoke(app, ["export", str(folder), "--out", str(out), *more])


@pytest.mark.parametrize(
    ("name", "more", "remedy"),
    [
        ("absent/h.zip", [], "Make the folder"),
        ("absent/h", [], "Make the folder"),
        ("absent/h.onnx", ["--onnx"], "Make the folder"),
        ("h.tar", [], "another name"),
        ("h.tar.gz", [], "another name"),
        ("h.7z", [], "another name"),
        ("h.onnx", [], "Add --onnx"),
        ("h.zip", ["--onnx"], "another name"),
        ("h", ["--onnx"], "another name"),
    ],
)
def test_a_place_that_cannot_be_meant_is_refused_in_one_line(
    export: Callable[..., Result], tmp_path: Path, name: str, more: list[str], remedy: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = export(tmp_path / name, *more)
    assert result.exit_code == 2
    (told,) = result.output.strip().splitlines()
    assert told.startswith(f"synthnode out-unfit: {tmp_path / name} cannot be written")
    assert remedy in told
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("name", "more"), [("h.zip", []), ("h", []), ("h.onnx", ["--onnx"])])
def test_what_is_there_is_not_written_over(
    export: Callable[..., Result], tmp_path: Path, name: str, more: list[str]
) -> None:
    (tmp_path / name).write_text("dear")
    result = export(tmp_path / name, *more)
    assert result.exit_code == 2
    assert result.output.startswith(f"synthnode out-exists: {tmp_path / name} exists.")
    assert "Remove it first" in result.output
    assert (tmp_path / name).read_text() == "dear"


@pytest.mark.parametrize("name", ["h.zip", "H.ZIP", "small-1.2.3"])
def test_what_the_name_says_is_written(export: Callable[..., Result], tmp_path: Path, name: str) -> None:
    assert export(tmp_path / name).exit_code == 0
    assert zipfile.is_zipfile(tmp_path / name) == (name != "small-1.2.3")
    assert (tmp_path / name).is_dir() == (name == "small-1.2.3")
