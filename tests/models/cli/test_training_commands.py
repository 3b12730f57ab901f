"""The commands that train refuse what they cannot do in one line, before anything is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import app

RECIPE = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"


def refused(*words: object) -> str:
    """Return the one line that a command was refused with."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--minutes", "0"), "0.0 [option --minutes]. Accepted: more than 0."),
        (("--minutes", "-1"), "-1.0 [option --minutes]"),
        (("--minutes", "nan"), "nan [option --minutes]"),
        (("--minutes", "inf"), "inf [option --minutes]"),
        (("--steps", "0"), "0 [option --steps]. Accepted: 1 or more."),
        (("--minutes", "1", "--steps", "1"), "--minutes and --steps. Accepted: one of them."),
    ],
)
def test_a_run_of_no_length_is_refused(
    options: tuple[str, ...], told: str, label_maps: Path, write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for command in (
        ("finetune", write_small_package(), "--pairs", tmp_path),
        ("train", RECIPE, "--labels", label_maps),
    ):
        assert f"length-unfit: The length of training is stated as {told}" in refused(*command, "--out", out, *options)
        assert not out.exists()


def test_fine_tuning_under_a_launcher_is_refused(
    write_small_package: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    line = refused("finetune", write_small_package(), "--pairs", tmp_path, "--out", tmp_path / "out")
    assert line.startswith("synthnode one-process-only: This runs in one process (2 processes")
    assert "Start it without a launcher" in line
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_taken_is_refused_before_the_pairs_are_read(
    write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    package = write_small_package()
    command = ("finetune", package, "--pairs", tmp_path / "nowhere", "--out", tmp_path / "out", "--packages", tmp_path)
    line = refused(*command, "--name", "small")
    assert line.startswith(f"synthnode package-doubled: The name small is that of {package} ")
    assert not (tmp_path / "out").exists()
