"""Tiny recipes the whole way: train, resume, pack, verify, run. They show that the floor knows no modality."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from training_toys import Told, kept
from typer.testing import CliRunner, Result

from models.cli import app
from models.nifti import read_nifti, write_nifti
from models.packages import load_package
from models.quantities import Quantity
from models.training.checkpoint import load_checkpoint
from models.training.draft import EXAMPLE
from models.training.parts.generators.unet import UNetPart
from models.training.ranks import Alone
from models.training.recipe import Recipe
from models.training.run import train
from models.training.schedule import Progress
from models.training.tasks import Task
from models.training.trainers.setup import Setup
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

SIDE = 24
VOXEL_MM = (3.0, 3.0, 3.0)
GRID = Grid((SIDE,) * 3, VOXEL_MM, (0.0, 0.0, 0.0))
HERE = Alone(torch.device("cpu"))
OPTIMISER = {"learning_rate": 0.005, "weight_decay": 0.0, "clip_norm": 1.0, "average_decay": 0.8}
SCHEDULE = {
    "length": {"steps": 12},
    "warmup_steps": 2,
    "checkpoint": {"steps": 5},
    "validation": {"steps": 6},
    "montage": {"steps": 12},
}
CT_SCALE = {"kind": "fixed", "lowest": -1000, "highest": 1000, "mean": 0, "deviation": 500}
CT = {"name": "ct", "quantity": "ct-number", "normalisation": CT_SCALE}
L1 = {"kind": "masked-l1", "weight": 10.0}
EDGES = {"kind": "gradient-difference", "weight": 1.0}
PERFUSION = {"cbf": 60.0, "cbv": 6.0, "mtt": 8.0, "tmax": 12.0}
"""Inputs of (b) beside the CT, with the highest value of each in its unit."""

MR_TARGET = {"modality": "MR", "quantity": "mr-signal", "lowest": 0, "highest": 3, "outside": 0}


def fixed(name: str, highest: float) -> dict[str, Any]:
    half = highest / 2
    scale = {"kind": "fixed", "lowest": 0, "highest": highest, "mean": half, "deviation": half}
    return {"name": name, "quantity": name, "normalisation": scale}


def recipe_of(name: str, **parts: Any) -> dict[str, Any]:
    data = {"kind": "paired", "held_out": 1, "validation_samples": 2}
    return {"recipe": name, "schema": 3, "seed": 3, "batch": 2, "data": data, "schedule": SCHEDULE, **parts}


def task(inputs: list[dict[str, Any]], target: Mapping[str, Any], depth: int = SIDE) -> dict[str, Any]:
    size = [SIDE, SIDE, depth] if depth == 1 else [16, 16, 16]
    return {"inputs": inputs, "target": dict(target), "voxel_mm": list(VOXEL_MM), "patch_voxels": size}


UNET = {"kind": "unet", "widths": [6, 12]}
RECIPES = {
    "ct-to-mr": recipe_of(
        "ct-to-mr",
        task=task([CT], {"name": "mr", **MR_TARGET}, depth=1),
        parts={"generator": UNET, "discriminator": {"kind": "patch", "widths": [6, 8]}},
        trainer={
            "kind": "paired-gan",
            "losses": [L1, EDGES],
            "adversarial": {"kind": "least-squares", "weight": 1.0},
            "pool": 3,
            "discriminator_rate": 0.002,
            "optimiser": {**OPTIMISER, "momentum": 0.5},
        },
    ),
    "ct-to-mr-beside": recipe_of(
        "ct-to-mr-beside",
        task={**task([CT], {"name": "mr", **MR_TARGET}, depth=1), "neighbours": 2},
        parts={"generator": UNET},
        trainer={"kind": "regression", "losses": [L1], "optimiser": OPTIMISER},
    ),
    "ct-to-mr-by-steps": recipe_of(
        "ct-to-mr-by-steps",
        task=task([CT], {"name": "mr", **MR_TARGET}, depth=1),
        parts={
            "generator": {
                "kind": "stepped-unet",
                "widths": [6, 12],
                "sampling": {"kind": "rectified-flow", "steps": 4, "seed": 5},
            }
        },
        trainer={"kind": "diffusion", "losses": [{**L1, "outside": 0.2}], "optimiser": OPTIMISER},
    ),
    "perfusion-to-dwi": recipe_of(
        "perfusion-to-dwi",
        task=task([CT, *(fixed(name, most) for name, most in PERFUSION.items())], {"name": "dwi", **MR_TARGET}),
        parts={"generator": UNET},
        trainer={"kind": "regression", "losses": [L1, EDGES], "optimiser": OPTIMISER},
    ),
    "ct-and-mr-to-organs": recipe_of(
        "ct-and-mr-to-organs",
        task=task(
            [CT, {"name": "mr", "quantity": "mr-signal", "normalisation": {"kind": "foreground-percentile"}}],
            {"name": "organs", "modality": "SEG", "quantity": "label", "labels": {"brain": 1, "skull": 2}},
        ),
        parts={"generator": UNET},
        trainer={
            "kind": "segmentation",
            "loss": {"kind": "dice-cross-entropy", "weight": 1.0},
            "optimiser": {**OPTIMISER, "learning_rate": 0.03, "average_decay": 0.3},
        },
    ),
}


def write_cases(folder: Path, count: int = 3) -> Path:
    """Write cases of balls: brain in a skull, with perfusion that follows the tissue and an MR that follows the CT."""
    for number in range(count):
        rng = np.random.default_rng(number)
        at = np.indices((SIDE,) * 3) - (SIDE - 1) / 2 - rng.uniform(-1, 1, (3, 1, 1, 1))
        radius = np.sqrt(np.square(at).sum(axis=0)) + 0.2 * rng.standard_normal((SIDE,) * 3)
        organs = np.select([radius < 7, radius < 9], [1, 2], 0)
        images = {
            "ct": np.array([-1000.0, 40.0, 900.0])[organs],
            "mr": np.array([0.0, 300.0, 60.0])[organs],
            "dwi": np.array([0.0, 400.0, 80.0])[organs],
            "organs": organs,
            "mask": organs > 0,
            **{name: most * np.array([0.0, 0.6, 0.05])[organs] for name, most in PERFUSION.items()},
        }
        place = folder / f"case-{number}"
        place.mkdir(parents=True)
        for name, values in images.items():
            noise = 0 if name in ("organs", "mask") else rng.normal(0, 0.02, values.shape) * (organs > 0)
            write_nifti(
                Volume((values + noise * np.abs(values).max()).astype(np.float32), GRID), place / f"{name}.nii.gz"
            )
    return folder


def draft_of(recipe: Mapping[str, Any], file: Path) -> Path:
    """Write the draft of a card for what comes of a recipe."""
    content = yaml.safe_load((Path(__file__).parents[3] / EXAMPLE).read_text())
    (shipped,) = content["inputs"]
    inputs = []
    for one in recipe["task"]["inputs"]:
        own = {"modality": "MR", "contrasts": ["T1"], "field_strength_tesla": [1.0, 3.5]}
        if one["name"] != "mr":
            own = {"modality": "CT", "contrasts": [], "field_strength_tesla": None}
        free = {"min_field_of_view_mm": 10.0, "max_in_plane_mm": 5.0, "aliases": []}
        inputs.append({**shipped, **own, **free, **one, "unit": Quantity(one["quantity"]).unit})
    kind = "segmentation" if recipe["task"]["target"]["modality"] == "SEG" else "synthesis"
    changes = {"name": recipe["recipe"], "body_site": "abdomen", "inputs": inputs, "network": {}}
    content |= {**changes, "task": {"kind": kind, "title": recipe["recipe"]}}
    if kind == "segmentation":
        content["golden"] = {"tolerance": 0.05}
    file.write_text(yaml.safe_dump(content))
    return file


def call(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize("name", RECIPES)
def test_from_cases_to_a_package_that_runs(name: str, tmp_path: Path) -> None:
    recipe, cases = RECIPES[name], write_cases(tmp_path / "cases")
    file, run, package = tmp_path / "recipe.yaml", tmp_path / "run", tmp_path / "package"
    file.write_text(yaml.safe_dump(recipe))
    call("train", file, "--pairs", cases, "--out", run)
    assert len(list((run / "montages").iterdir())) == 1
    call("pack", run, "--pairs", cases, "--card", draft_of(recipe, tmp_path / "card.yaml"), "--out", package)
    call("verify", package)
    card = load_package(package).card
    assert (card.training.trained_on, card.training.held_out) == (("case-0", "case-1"), ("case-2",))
    inputs = [f"{one['name']}={cases / 'case-2' / one['name']}.nii.gz" for one in recipe["task"]["inputs"]]
    options = [word for one in inputs for word in ("--input", one)]
    call("run", package, *options, "--output", tmp_path / "made.nii.gz")
    made = read_nifti(tmp_path / "made.nii.gz")
    assert made.grid.size == GRID.size
    assert np.isfinite(made.values).all()
    assert made.values.min() >= card.output.lowest
    assert made.values.max() <= card.output.highest
    told = json.loads((tmp_path / "made.json").read_text())
    graph = CliRunner().invoke(app, ["export", str(package), "--onnx", "--out", str(tmp_path / "net.onnx")])
    alone = name not in ("ct-to-mr-beside", "ct-to-mr-by-steps")  # what the network is, without what asks it
    assert (graph.exit_code == 0, "export-refused" in graph.output) == (alone, not alone), graph.output
    assert told["output"]["unit"] == ("label" if name.endswith("organs") else "arbitrary")


@pytest.mark.parametrize(("name", "patch"), [("ct-to-mr", [2, 2, 1]), ("perfusion-to-dwi", [2, 2, 2])])
def test_patches_of_which_the_network_keeps_one_voxel_are_refused(name: str, patch: list[int]) -> None:
    recipe = RECIPES[name]
    part, what = UNetPart.model_validate(UNET), Task.model_validate({**recipe["task"], "patch_voxels": patch})
    assert "4 voxels along one side" in str(part.misfit(what))
    wider = Task.model_validate({**recipe["task"], "patch_voxels": [4, *patch[1:]]})
    assert part.misfit(wider) is None
    inputs = torch.zeros(1, len(wider.inputs), *wider.tile[3 - wider.dimensions :])
    assert part.build(wider).train()(inputs).isfinite().all()


@pytest.mark.parametrize("pool", [0, 3])
def test_a_game_has_a_state_of_its_own_where_it_has_a_pool(pool: int) -> None:
    content = RECIPES["ct-to-mr"]
    recipe = Recipe.model_validate({**content, "trainer": {**content["trainer"], "pool": pool}})
    objective = recipe.trainer.build(Setup(recipe.task, recipe.parts, [], HERE.device, "float32", 1))
    assert bool(objective.state()) == bool(pool)  # several processes train only what has none
    objective.restore(objective.state())


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_each_learns_and_goes_on_after_a_kill_to_the_same_bits(name: str, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    class Killing(Told):
        def stepped(self, progress: Progress, share: float) -> None:
            if progress.step == 8:
                raise Killed

    recipe, cases = Recipe.model_validate(RECIPES[name]), write_cases(tmp_path / "cases")
    whole = Told()
    train(recipe, cases, tmp_path / "whole", HERE, whole, resume=False)
    with pytest.raises(Killed):
        train(recipe, cases, tmp_path / "killed", HERE, Killing(), resume=False)
    assert load_checkpoint(tmp_path / "killed")["progress"]["step"] == 5
    train(recipe, cases, tmp_path / "killed", HERE, Told(), resume=True)
    ours, theirs = kept(tmp_path / "killed"), kept(tmp_path / "whole")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[place]) for place, value in ours.items())
    assert whole.validations[-1][1] < whole.validations[0][1]
