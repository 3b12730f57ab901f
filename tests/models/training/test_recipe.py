"""A recipe is a closed vocabulary."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from models.errors import RecipeError
from models.training.recipe import load_recipe


def test_the_shipped_recipe_is_valid(recipe_content: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe_content))
    recipe = load_recipe(tmp_path / "r.yaml")
    assert recipe.data.held_out == 4
    assert recipe.task.dimensions == 3


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (("colour",), 1, "colour"),
        (("parts", "generator", "import"), "os.system", "parts.generator.import"),
        (("parts", "generator", "kind"), "gan", "parts.generator"),
        (("trainer", "kind"), "cycle-gan", "trainer"),
        (("trainer", "loss", "bone_weight"), 0, "trainer.loss.bone_weight"),
        (("task", "inputs"), [{"name": "mr", "quantity": "mr-signal"}], "task.inputs.0.normalisation"),
        (("task", "target", "name"), "mr", "task"),
        (("parts", "discriminator"), {"kind": "patch", "widths": [8]}, "the whole"),
        (("schema",), 1, "schema"),
        (("data", "geometry", "crop_share"), 1.5, "data.geometry.crop_share"),
        (("trainer", "optimiser", "learning_rate"), "fast", "trainer.optimiser.learning_rate"),
        (("schedule", "length"), {"steps": 10, "minutes": 1}, "schedule.length"),
        (("schedule", "length"), {}, "schedule.length"),
        (("task", "patch_voxels"), [81, 81, 81], "the whole"),
    ],
)
def test_what_it_does_not_know_is_named(
    recipe_content: dict[str, object], tmp_path: Path, path: tuple[str, ...], value: object, key: str
) -> None:
    place = recipe_content
    for step in path[:-1]:
        place = place[step]  # type: ignore[assignment]
    place[path[-1]] = value
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe_content))
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert caught.value.parameters["key"] == key


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "recipe-unreadable"),
        ("[1, 2]", "found=a list accepted=keys with values"),
        ("just words", "found=a str accepted=keys with values"),
        ("", "found=nothing accepted=keys with values"),
    ],
)
def test_a_file_that_is_no_recipe_is_told_in_a_line_for_a_person(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert told in str(caught.value)
    assert "instance of Recipe" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="recipe-unreadable"):
        load_recipe(tmp_path / "absent.yaml")
