"""What a program reads: on a refusal nothing on standard output, else one line of JSON, whatever people are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import app

RECIPE = str(Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml")


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "PACKAGE", "--pairs", "nowhere", "--out", "out"],
        ["calibrate", "PACKAGE", "--pairs", "nowhere", "--out", "out.json"],
        ["finetune", "PACKAGE", "--pairs", "nowhere", "--out", "out", "--steps", "1"],
        ["train", RECIPE, "--labels", "nowhere", "--out", "out"],
        ["train-gate", "--labels", "nowhere", "--out", "out"],
        ["pack", "nowhere", "--labels", "nowhere", "--card", "nowhere", "--out", "out"],
        ["samples", RECIPE, "--labels", "nowhere"],
        ["simulate", "--recipe", RECIPE, "--labels", "nowhere", "--out", "out"],
        ["labels", "nowhere"],
        ["anatomy", "foot", "--out", "out"],
        ["list", "--packages", "nowhere"],
        ["show", "nobody"],
        ["run", "PACKAGE", "--input", "t1=nowhere.nii", "--output", "out.nii"],
        ["export", "PACKAGE", "--out", "nowhere/out.zip"],
        ["import", "package", "nowhere.zip", "--packages", "site"],
        ["import", "onnx", "nowhere.onnx", "--card", "nowhere.yaml", "--out", "out"],
    ],
    ids=lambda words: words[0] if words[0] != "import" else " ".join(words[:2]),
)
def test_a_refusal_leaves_standard_output_to_programs(
    write_small_package: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    package = str(write_small_package())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [package if word == "PACKAGE" else word for word in command] + ["--json"])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.strip()


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["anatomy", "head", "--count", "1", "--voxel-mm", "8", "--out", "file/out"], "file"),
        (["evaluate", "PACKAGE", "--pairs", "nowhere", "--out", "file"], "file"),
        (["evaluate", "PACKAGE", "--pairs", "nowhere", "--out", "file/out"], "file"),
        (["evaluate", "PACKAGE", "--pairs", "nowhere", "--out", "earlier"], "earlier/report.html"),
        (["calibrate", "PACKAGE", "--pairs", "nowhere", "--out", "file/out.json"], "file"),
        (["calibrate", "PACKAGE", "--pairs", "nowhere", "--out", "folder"], "folder"),
        (["calibrate", "PACKAGE", "--pairs", "nowhere", "--out", "lost/out.json"], "lost"),
        (["samples", RECIPE, "--labels", "nowhere", "--montage", "file/sheet.png"], "file"),
        (["samples", RECIPE, "--labels", "nowhere", "--montage", "folder"], "folder"),
        (["simulate", "--recipe", RECIPE, "--labels", "nowhere", "--out", "file"], "file"),
        (["train-gate", "--labels", "nowhere", "--out", "file"], "file"),
    ],
    ids=lambda value: " ".join((value[0], value[-1])) if isinstance(value, list) else None,
)
def test_a_place_that_cannot_be_written_is_told_before_what_is_read_is_looked_at(
    write_small_package: Callable[[], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    place: str,
) -> None:
    package = str(write_small_package())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "lost").symlink_to("nowhere-else")
    (tmp_path / "earlier" / "report.html").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, [package if word == "PACKAGE" else word for word in command])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert place in line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_result_that_can_be_written_is_not_refused_for_its_place(
    write_small_package: Callable[[], Path], tmp_path: Path
) -> None:
    (tmp_path / "earlier.json").touch()
    for out in ("earlier.json", "new/folder/out.json"):
        command = ["calibrate", str(write_small_package()), "--pairs", str(tmp_path / "nowhere")]
        result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / out)])
        assert "nowhere" in result.stderr


def test_verify_alone_prints_what_it_found_as_its_object(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["verify", str(tmp_path), "--json"])
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["verified"] is False


@pytest.mark.parametrize("command", [["list"], ["anatomy", "spine", "--count", "1", "--voxel-mm", "8", "--out", "out"]])
def test_what_is_told_to_people_is_told_beside_the_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*command, "--json"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line)
    assert result.stderr.strip()
    plain = CliRunner().invoke(app, [*command[:-1], "again"] if "--out" in command else command)
    assert plain.stdout.strip()


def test_figures_that_find_no_place_in_the_end_leave_no_part(
    write_small_package: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "figures" / "out.json"

    class Measured:
        def as_json(self) -> dict[str, object]:
            return {}

    def measure(*_: object) -> Measured:
        out.mkdir(parents=True)  # while it was measured, somebody made a folder of that name
        return Measured()

    monkeypatch.setattr("models.uncertainty.measuring.measure", measure)
    command = ["calibrate", str(write_small_package()), "--pairs", str(tmp_path), "--out", str(out)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert str(out.parent) in line
    assert list(out.parent.iterdir()) == [out]
