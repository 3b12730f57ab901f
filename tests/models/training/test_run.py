"""The whole way of a model through the commands: train, resume, evaluate, pack, verify, show, predict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from models.cli import app
from models.errors import RecipeError
from models.inference import Predictor
from models.packages import load_package
from models.training.recipe import Recipe
from models.training.trainer import train
from models.volumes import Grid, Volume

CARD = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.card.yaml"


def called(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def last_json(result: Result) -> dict[str, object]:
    content: dict[str, object] = json.loads(result.output.strip().splitlines()[-1])
    return content


@pytest.mark.slow
def test_from_label_maps_to_an_installed_model(small_recipe_file: Path, label_maps: Path, tmp_path: Path) -> None:
    run, package = tmp_path / "run", tmp_path / "packages" / "head-mr-to-ct"
    start = ("train", small_recipe_file, "--labels", label_maps, "--out", run, "--json")
    steps = last_json(called(*start, "--minutes", 0.03))["steps"]
    more = last_json(called(*start, "--minutes", 0.06, "--resume"))["steps"]
    assert isinstance(steps, int)
    assert isinstance(more, int)
    assert 0 < steps < more
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    report = tmp_path / "report.json"
    where = ("--labels", label_maps, "--card", CARD)
    called("evaluate", run, *where, "--report", report)
    methods = [(row["method"], row["contrast"]) for row in json.loads(report.read_text())["metrics"]["rows"]]
    assert methods[:2] == [("all-water", "any"), ("mean-map", "any")]
    assert ("model", "T1") in methods
    packed = last_json(called("pack", run, *where, "--out", package, "--evaluation", report, "--json"))
    loaded = load_package(package)
    assert packed["sha256"] == loaded.sha256
    assert loaded.card.training.trained_on == ("map_0", "map_1")
    assert loaded.card.training.held_out == ("map_2",)
    assert loaded.card.training.steps == more
    assert "map_2" in loaded.card.metrics.protocol
    assert last_json(called("verify", package, "--json"))["verified"] is True
    shown = called("show", "head-mr-to-ct", "--packages", tmp_path / "none").output
    assert "Research use only. Not a medical device." in shown
    _predicts_like_its_weights(package, run)


def _predicts_like_its_weights(package: Path, run: Path) -> None:
    loaded = load_package(package)
    average = torch.load(run / "checkpoint.pt", weights_only=True)["average"]
    assert loaded.card.network.parameters == sum(value.numel() for value in average.values())
    grid = Grid((24, 24, 24), loaded.card.output.voxel_mm, (0.0, 0.0, 0.0))
    values = np.random.default_rng(0).random(grid.shape).astype(np.float32)
    assert np.isfinite(Predictor(loaded).predict(Volume(values, grid), grid, lambda _: None).synthetic.values).all()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_leaves_nobody_behind(
    small_recipe_file: Path, label_maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "models.cli", "train", small_recipe_file, "--labels", label_maps, "--out", run]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    process = subprocess.Popen([*map(str, command), "--minutes", "5"], stdout=subprocess.DEVNULL)
    _wait(lambda: (run / "checkpoint.pt").exists())
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = int(torch.load(run / "checkpoint.pt", weights_only=True)["step"])
    seconds = float(torch.load(run / "checkpoint.pt", weights_only=True)["seconds"])
    more = str(seconds / 60 + 0.02)
    subprocess.run([*map(str, command), "--resume", "--minutes", more], check=True, stdout=subprocess.DEVNULL)
    assert int(torch.load(run / "checkpoint.pt", weights_only=True)["step"]) > reached
    _wait(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


def test_an_existing_run_is_not_overwritten(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"precious")
    with pytest.raises(RecipeError, match="run-exists"):
        train(small_recipe, label_maps, tmp_path, 1.0, resume=False, report=print)
    assert (tmp_path / "checkpoint.pt").read_bytes() == b"precious"


def test_nothing_to_resume(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="run-absent"):
        train(small_recipe, label_maps, tmp_path / "new", 1.0, resume=True, report=print)


def test_a_run_is_resumed_with_its_own_recipe_only(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    (tmp_path / "recipe.json").write_text(small_recipe.model_copy(update={"seed": 1}).model_dump_json(by_alias=True))
    with pytest.raises(RecipeError, match="run-of-another-recipe"):
        train(small_recipe, label_maps, tmp_path, 1.0, resume=True, report=print)


def test_a_tampered_package_fails_to_verify(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text("name: x\n")
    (tmp_path / "weights.safetensors").write_bytes(b"")
    result = CliRunner().invoke(app, ["verify", str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert last_json(result)["code"] == "package-tampered"


@pytest.mark.parametrize("text", ["{", "recipe: x\n"])
def test_a_bad_recipe_is_one_line_and_status_1(label_maps: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    where = ["--labels", str(label_maps), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, ["train", str(tmp_path / "bad.yaml"), *where])
    assert result.exit_code == 1
    assert "recipe-" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


def _wait(condition: object, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.1)
