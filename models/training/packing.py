"""Turning a run into a package: averaged weights in half precision, and a card that tells what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import save

from models.errors import RecipeError
from models.packages import CardMetrics, ModelPackage
from models.packages.golden import write_with_golden
from models.training.generator import AIR_HU
from models.training.maps import map_files
from models.training.recipe import Recipe
from models.training.trainer import CHECKPOINT, RECIPE

NOT_EVALUATED = CardMetrics(protocol="Not evaluated.", rows=())

_DATA = "Whole-head label maps; MR and CT were rendered from them by domain randomisation. No patient's MR or CT."


def recipe_of(run: Path) -> Recipe:
    """Return the recipe of a run folder.

    Raises
    ------
    RecipeError
        If there is none.
    """
    try:
        return Recipe.model_validate_json((run / RECIPE).read_text(encoding="utf-8"))
    except OSError as why:
        raise RecipeError("run-absent", folder=str(run), expected=RECIPE) from why


def metrics_of(report: Path) -> CardMetrics:
    """Return the card's figures from an evaluation report.

    Raises
    ------
    RecipeError
        If the report cannot be read.
    """
    try:
        return CardMetrics.model_validate(json.loads(report.read_text(encoding="utf-8"))["metrics"])
    except (OSError, ValueError, KeyError) as why:
        raise RecipeError("report-unreadable", file=str(report), found=str(why)) from why


def pack(run: Path, labels: Path, card_file: Path, metrics: CardMetrics, folder: Path) -> ModelPackage:
    """Write the run's averaged weights and its card into `folder` and load them as anyone would.

    Parameters
    ----------
    run
        Folder that `models.training.trainer.train` filled.
    labels
        Its label maps, for their names in the card.
    card_file
        The part of the card that people write (YAML).
    metrics
        The figures, or `NOT_EVALUATED`.

    Raises
    ------
    RecipeError
        If the run has no checkpoint or the card's file cannot be read.
    PackageError
        If the card is not complete.
    """
    recipe = recipe_of(run)
    try:
        written: dict[str, Any] = yaml.safe_load(card_file.read_text(encoding="utf-8"))
        state: dict[str, Any] = torch.load(run / CHECKPOINT, weights_only=True)
    except (OSError, yaml.YAMLError) as why:
        raise RecipeError("run-unreadable", run=str(run), card=str(card_file), found=str(why)) from why
    names = [file.name.split(".")[0] for file in map_files(labels)]
    weights: dict[str, torch.Tensor] = state["average"]
    anchors = recipe.network.anchors_hu
    card = written | {
        "output": {
            "modality": "CT",
            "unit": "HU",
            "lowest": anchors[0],
            "highest": anchors[-1],
            "voxel_mm": [recipe.voxel_mm] * 3,
            "outside": AIR_HU,
        },
        "network": {
            **written["network"],
            "kind": recipe.network.kind,
            "widths": list(recipe.network.widths),
            "anchors_hu": list(anchors),
            "heads": recipe.network.heads,
            "tile_voxels": [recipe.patch_voxels] * 3,
            "parameters": sum(value.numel() for value in weights.values()),
        },
        "training": {
            "data": _DATA,
            "source": "BBillot/SynthSeg (training label maps)",
            "licence": "Apache-2.0",
            "trained_on": names[: -recipe.held_out],
            "held_out": names[-recipe.held_out :],
            "recipe": recipe.recipe,
            "steps": int(state["step"]),
            "minutes": round(float(state["seconds"]) / 60, 1),
        },
        "metrics": metrics.model_dump(mode="json"),
    }
    return _written(folder, card, weights)


def _written(folder: Path, card: dict[str, Any], weights: dict[str, torch.Tensor]) -> ModelPackage:
    network = save({name: value.half().contiguous() for name, value in sorted(weights.items())})
    return write_with_golden(folder, card, network)
