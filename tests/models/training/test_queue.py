"""A queue of trainings: a call runs the first that is not done, the next call goes on, and all done is said."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from models.cli import app
from models.errors import RecipeError
from models.training.queue import load_queue, next_training, training_states
from models.training.recipe import load_recipe

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "models" / "recipes" / "queue.yaml"


@pytest.fixture
def queue(small_recipe_file: Path, label_maps: Path) -> Path:
    """Two trainings of three steps on the same label maps."""
    content = yaml.safe_load(small_recipe_file.read_text())
    content["schedule"] |= {"length": {"steps": 3}, "validation": None, "montage": None}
    small_recipe_file.write_text(yaml.safe_dump(content))
    one = {"recipe": small_recipe_file.name, "data": label_maps.name, "targets": {"mae_body": 50}}
    file = small_recipe_file.parent / "queue.yaml"
    file.write_text(yaml.safe_dump({"schema": 1, "trainings": [{"name": "first"} | one, {"name": "second"} | one]}))
    return file


def call(queue: Path, *options: str) -> dict[str, dict[str, float]]:
    folders = ["--data", str(queue.parent), "--runs", str(queue.parent / "runs")]
    result = CliRunner().invoke(app, ["train-next", str(queue), *folders, "--device", "cpu", "--json", *options])
    assert result.exit_code == 0, result.output
    said: dict[str, dict[str, float]] = json.loads(result.stdout)
    return said


def test_each_call_trains_the_next_and_the_last_finds_all_done(queue: Path) -> None:
    assert [one["done"] for one in call(queue).values()] == [True, False]
    assert [one["done"] for one in call(queue).values()] == [True, True]
    kept = {file: file.stat().st_mtime_ns for file in (queue.parent / "runs").rglob("checkpoint.pt")}
    assert [one["done"] for one in call(queue).values()] == [True, True]
    assert kept == {file: file.stat().st_mtime_ns for file in kept}


def test_a_run_that_is_not_at_its_end_is_gone_on_with(queue: Path) -> None:
    call(queue)
    recipe = queue.parent / "small.yaml"
    recipe.write_text(re.sub(r"steps: 3\b(?=\n  montage|\n)", "steps: 5", recipe.read_text(), count=1))
    assert load_recipe(recipe).schedule.length.steps == 5
    runs = queue.parent / "runs"
    due = next_training(training_states(queue, runs))
    assert due is not None
    assert (due.training.name, due.share) == ("first", 0.6)
    call(queue)
    first, second = training_states(queue, runs)
    assert first.progress is not None
    assert (first.progress.step, second.progress) == (5, None)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"trainings": []}, "trainings"),
        ({"schema": 2}, "schema"),
        ({"more": 1}, "more"),
        ({"trainings": [{"name": "a", "recipe": "x", "data": "y", "targets": {}}] * 2}, "two trainings are called a"),
        ({"trainings": [{"name": "../a", "recipe": "x", "data": "y", "targets": {}}]}, "name"),
    ],
)
def test_what_no_queue_may_say_is_refused_by_its_key(queue: Path, change: dict[str, object], found: str) -> None:
    queue.write_text(yaml.safe_dump(yaml.safe_load(queue.read_text()) | change))
    with pytest.raises(RecipeError) as caught:
        load_queue(queue)
    assert caught.value.code == "recipe-invalid"
    assert found in str(caught.value)


def test_every_training_of_the_shipped_queue_has_its_recipe_and_aims(tmp_path: Path) -> None:
    states = training_states(SHIPPED, tmp_path)
    assert all(one.progress is None and one.training.targets for one in states)
    assert next_training(states) is states[0]
