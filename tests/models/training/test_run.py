"""The whole way of a model through the commands: train, go on, pack, verify, predict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from training_toys import Told, kept
from typer.testing import CliRunner, Result

from models.cli import app
from models.errors import RecipeError
from models.inference import Predictor
from models.packages import load_package
from models.training.checkpoint import CHECKPOINT, load_checkpoint
from models.training.packing import Parts, pack
from models.training.ranks import Alone
from models.training.recipe import Recipe, load_recipe
from models.training.run import train
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

CARD = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.card.yaml"
EXAMPLE = CARD.with_name("example.card.yaml")
HERE = Alone(torch.device("cpu"))


def called(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def last_json(result: Result) -> dict[str, object]:
    content: dict[str, object] = json.loads(result.output.strip().splitlines()[-1])
    return content


@pytest.fixture
def evaluation_report(tmp_path: Path) -> Path:
    """A report as `synthnode models evaluate` writes it, as far as packing reads it."""
    row = {"method": "model", "contrast": "T1", "cases": 1, "figures": {"mae_body": {"mean": 91.5}}}
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"card_metrics": {"protocol": "On map_2.", "baselines": [], "rows": [row]}}))
    return file


@pytest.mark.slow
def test_from_label_maps_to_a_package(
    small_recipe_file: Path, label_maps: Path, evaluation_report: Path, tmp_path: Path
) -> None:
    run, package = tmp_path / "run", tmp_path / "packages" / "ours"
    start = ("train", small_recipe_file, "--labels", label_maps, "--out", run, "--json")
    assert last_json(called(*start, "--steps", 6))["steps"] == 6
    assert last_json(called(*start, "--resume"))["steps"] == 12
    assert len(list((run / "montages").iterdir())) == 2
    taken = (run, "--labels", label_maps, "--card", CARD, "--out", package)
    refused = CliRunner().invoke(app, ["pack", *(str(one) for one in taken)])
    assert refused.exit_code == 2
    assert refused.output.startswith("synthnode package-name-taken: head-mr-to-ct ")
    assert not package.exists()
    card = tmp_path / "ours.card.yaml"
    card.write_text(yaml.safe_dump(yaml.safe_load(CARD.read_text()) | {"name": "ours"}))
    refused = CliRunner().invoke(
        app, ["pack", str(run), "--labels", str(label_maps), "--card", str(card), "--out", "x"]
    )
    assert refused.exit_code == 2
    assert refused.output.startswith(
        f"synthnode card-of-other-weights: The card {card} tells of other weights: prose about the weights 08ede894adde"
    )
    card.write_text(yaml.safe_dump(yaml.safe_load(EXAMPLE.read_text()) | {"name": "ours"}))
    where = (run, "--labels", label_maps, "--card", card, "--out", package)
    packed = last_json(called("pack", *where, "--evaluation", evaluation_report, "--json"))
    loaded = load_package(package)
    assert packed["sha256"] == loaded.sha256
    training = loaded.card.training
    assert (training.trained_on, training.held_out) == (("map_0", "map_1"), ("map_2",))
    assert (training.steps, training.parent) == (12, None)
    assert training.data.startswith("2 label maps, from which MR and CT were rendered")
    assert training.source == "Own label maps"
    assert loaded.card.metrics.rows[0].figures["mae_body"].mean == 91.5
    assert last_json(called("verify", package, "--json"))["verified"] is True
    _predicts_like_its_weights(package, run)
    more = tmp_path / "more"
    start = ("train", small_recipe_file, "--labels", label_maps, "--out", more, "--steps", 1)
    called(*start, "--start-from", "ours", "--packages", package.parent)
    begun = json.loads((more / "run.json").read_text())
    assert begun["parent"].endswith(loaded.sha256)
    assert begun["learnt_from"] == ["map_0", "map_1"]


def _predicts_like_its_weights(package: Path, run: Path) -> None:
    loaded = load_package(package)
    average = load_checkpoint(run)["averages"]["network"]
    assert loaded.card.network.parameters == sum(value.numel() for value in average.values())
    grid = Grid((24, 24, 24), loaded.card.output.voxel_mm, (0.0, 0.0, 0.0))
    values = np.random.default_rng(0).random(grid.shape).astype(np.float32)
    prediction = Predictor(loaded).predict({"mr": Volume(values, grid)}, grid, lambda _: None)
    assert np.isfinite(prediction.synthetic.values).all()


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_not_and_leaves_nobody_behind(
    small_recipe_file: Path, label_maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    command = [sys.executable, "-m", "models.cli", "train", str(small_recipe_file), "--labels", str(label_maps)]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "killed"), "--steps", "40"], stdout=subprocess.DEVNULL
    )
    _wait((tmp_path / "killed" / CHECKPOINT).exists)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert children
    assert load_checkpoint(tmp_path / "killed")["progress"]["step"] < 40
    called(*command[3:], "--out", tmp_path / "killed", "--steps", 40, "--resume")
    called(*command[3:], "--out", tmp_path / "whole", "--steps", 40)
    ours, theirs = kept(tmp_path / "killed"), kept(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    _wait(lambda: not any(Path(f"/proc/{child}").exists() for child in children))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_keeps_its_step_says_so_and_goes_on_exactly(
    number: signal.Signals,
    status: int,
    small_recipe_file: Path,
    label_maps: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # No checkpoint of the schedule's own comes before the end.
    content = yaml.safe_load(small_recipe_file.read_text())
    content["schedule"] |= {"checkpoint": {"steps": 1000}, "validation": None, "montage": None}
    small_recipe_file.write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "models.cli", "train", str(small_recipe_file), "--labels", str(label_maps)]
    out = tmp_path / "stopped"
    process = subprocess.Popen(
        [*command, "--out", str(out), "--steps", "60"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _wait((out / "log.csv").exists)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.killpg(process.pid, number)  # all of them at once, as a terminal and a launcher do
    told = process.communicate(timeout=120)[1]
    assert process.returncode == status, told
    preparing, line = told.splitlines()
    assert preparing.startswith("Preparing 3 label maps")
    assert line.startswith(f"synthnode run-stopped: The run in {out} was stopped after step ")
    assert line.endswith(" --resume goes on from the checkpoint of this step.")
    assert 0 < load_checkpoint(out)["progress"]["step"] < 60
    _wait(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10.0)
    called(*command[3:], "--out", out, "--steps", 60, "--resume")
    called(*command[3:], "--out", tmp_path / "whole", "--steps", 60)
    ours, theirs = kept(out), kept(tmp_path / "whole")
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_run_that_was_killed_before_its_first_checkpoint_is_named(
    small_recipe: Recipe, label_maps: Path, tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "log.csv").write_text("step\n")
    with pytest.raises(RecipeError, match=r"checkpoint-absent.*found=run.json, log.csv.*without --resume"):
        train(small_recipe, label_maps, tmp_path, HERE, Told(), resume=True)


@pytest.mark.slow
def test_two_processes_that_the_launcher_starts_train_one_network(
    small_recipe_file: Path, label_maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "models.cli",
    ]
    command = ["train", str(small_recipe_file), "--labels", str(label_maps), "--steps", "3"]
    done = subprocess.run(
        [*launcher, *command, "--out", str(tmp_path / "two"), "--device", "cpu", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.strip().splitlines()[-1])["steps"] == 3
    kept_weights = load_checkpoint(tmp_path / "two")["networks"]["network"]
    assert all(bool(value.isfinite().all()) for value in kept_weights.values())
    assert len(list((tmp_path / "two").glob("checkpoint*.pt"))) == 1


def test_a_run_is_packed_with_its_own_label_maps_only(
    small_recipe_file: Path, label_maps: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    called("train", small_recipe_file, "--labels", label_maps, "--out", run, "--steps", 1)
    (label_maps / "map_0.nii.gz").rename(label_maps / "somebody_else.nii.gz")
    with pytest.raises(RecipeError, match=r"data-of-another-run.*accepted=map_0, map_1, map_2"):
        pack(run, label_maps, EXAMPLE, Parts(), tmp_path / "package")
    with pytest.raises(RecipeError, match="data-of-another-run"):
        train(load_recipe(small_recipe_file), label_maps, run, HERE, Told(), resume=True)
    assert not (tmp_path / "package").exists()


def test_an_existing_run_is_not_overwritten(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"precious")
    with pytest.raises(RecipeError, match="run-exists"):
        train(small_recipe, label_maps, tmp_path, HERE, Told(), resume=False)
    assert (tmp_path / CHECKPOINT).read_bytes() == b"precious"


def test_nothing_to_resume(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="run-absent"):
        train(small_recipe, label_maps, tmp_path / "new", HERE, Told(), resume=True)


def test_a_run_is_resumed_with_its_own_recipe_only(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"")
    other = small_recipe.model_copy(update={"seed": 1}).model_dump(mode="json", by_alias=True)
    content = {"recipe": other, "parent": None, "cases": [], "held_out": 1, "learnt_from": []}
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(RecipeError, match="run-of-another-recipe"):
        train(small_recipe, label_maps, tmp_path, HERE, Told(), resume=True)


def test_too_few_maps_to_hold_one_out(small_recipe: Recipe, label_maps: Path, tmp_path: Path) -> None:
    data = small_recipe.data.model_copy(update={"held_out": 3})
    with pytest.raises(RecipeError, match="labels-too-few"):
        train(small_recipe.model_copy(update={"data": data}), label_maps, tmp_path / "new", HERE, Told(), resume=False)


@pytest.mark.parametrize("text", ["{", "recipe: x\n"])
def test_a_bad_recipe_is_one_line_and_status_1(label_maps: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    where = ["--labels", str(label_maps), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, ["train", str(tmp_path / "bad.yaml"), *where])
    assert result.exit_code == 2
    assert "recipe-" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


def _wait(condition: Callable[[], bool], seconds: float = 500.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
