"""A recipe small enough to train in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from models.training.recipe import Recipe, load_recipe


@pytest.fixture
def recipe_content() -> dict[str, Any]:
    """The shipped recipe's content."""
    file = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


@pytest.fixture
def small_recipe_file(recipe_content: dict[str, Any], tmp_path: Path) -> Path:
    """The shipped recipe made small; twelve steps with two validations and three checkpoints."""
    file = tmp_path / "small.yaml"
    content = recipe_content | {"recipe": "small"}
    content["task"] |= {"voxel_mm": [3.0, 3.0, 3.0], "patch_voxels": [24, 24, 24]}
    content["task"]["target"] |= {"lowest": -1000, "highest": 1200}
    content["data"] |= {"held_out": 1, "validation_samples": 2}
    content["parts"] = {
        "generator": {"kind": "residual-unet", "widths": [4, 8], "anchors_hu": [-1000, -100, 40, 500, 1200], "heads": 3}
    }
    content["schedule"] = {
        "length": {"steps": 12},
        "warmup_steps": 3,
        "shape": "cosine",
        "checkpoint": {"steps": 4},
        "validation": {"steps": 6},
        "montage": {"steps": 6},
    }
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.fixture
def small_recipe(small_recipe_file: Path) -> Recipe:
    """The same, read."""
    return load_recipe(small_recipe_file)
