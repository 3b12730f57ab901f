"""A disk that is full, or a file that may not grow, is told in one line by every command that writes."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from models.cli import app
from models.packages import load_package
from models.packages.archive import write_archive

SHIPPED = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    content = yaml.safe_load(SHIPPED.read_text())
    content["task"] |= {"voxel_mm": [8.0] * 3, "patch_voxels": [16] * 3}
    content["data"]["held_out"] = 1
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.parametrize(
    ("room", "command", "told"),
    [
        (2_000, ["export", "PACKAGE", "--out", "out.zip"], "Make room where the command writes"),
        (2_000, ["export", "PACKAGE", "--out", "out"], "Make room where the command writes"),
        (2_000, ["import", "package", "ARCHIVE", "--packages", "site"], "Make room where the command writes"),
        (500, ["import", "package", "ARCHIVE", "--packages", "site"], "Make room where the command writes"),
        (500, ["anatomy", "spine", "--count", "1", "--voxel-mm", "8", "--out", "out"], "Make room where"),
        (9_000, ["simulate", "--recipe", "RECIPE", "--labels", "LABELS", "--out", "out"], "Make room where"),
        (20_000, ["train", "RECIPE", "--labels", "LABELS", "--out", "out"], "[place out/maps]"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else None,
)
def test_no_room_is_told_in_one_line_and_leaves_no_part(
    write_small_package: Callable[[], Path],
    recipe: Path,
    label_maps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    command: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    package, archive = load_package(write_small_package()), tmp_path / "small.zip"
    write_archive(package, archive)
    named = {
        "PACKAGE": str(package.folder),
        "ARCHIVE": str(archive),
        "RECIPE": str(recipe),
        "LABELS": str(label_maps),
    }
    code, defect, lines = _with_room(room, [named.get(word, word) for word in command])
    assert (code, defect) == (2, "SystemExit")
    assert lines[-1].startswith("synthnode storage-full: ")
    assert "File too large" in lines[-1]
    assert told in lines[-1]
    assert not [file for file in tmp_path.rglob("*") if ".part" in file.name or file.stat().st_size == room]


def _with_room(room: int, command: list[str]) -> tuple[int, str, list[str]]:
    """Return exit status, exception and what was told of a command whose files may not grow over `room`."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            result = CliRunner().invoke(app, command)
            answer = (result.exit_code, type(result.exception).__name__, result.stderr.splitlines())
            os.write(writing, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        code, defect, lines = json.load(stream)
    os.wait()
    return code, defect, lines
