"""Turning a run into a package: averaged weights in half precision, and a card that tells what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors.torch import save
from torch import Tensor

from models.anatomy import map_files
from models.errors import PackageError, RecipeError
from models.gate.packing import gate_part
from models.packages import CardCalibration, CardMetrics, ModelPackage, load_package
from models.packages.contents import WEIGHTS
from models.packages.golden import write_with_golden
from models.packages.installed import holder_of, prove_free
from models.tissues import AIR_HU
from models.training.checkpoint import UNREADABLE, load_checkpoint, read_tensors
from models.training.draft import Written, for_weights, read_draft
from models.training.recipe import Recipe
from models.training.regression import NETWORK
from models.training.run_recorder import BEST
from models.training.trainer import RUN, map_name, read_run

NOT_EVALUATED = CardMetrics(protocol="Not evaluated.", rows=())

Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Parts:
    """Files with what was measured after training, each of which may still be wanting.

    Attributes
    ----------
    evaluation
        Report (JSON) whose ``card_metrics`` become the card's metrics.
    calibration
        JSON whose ``calibration`` becomes the card's.
    gate
        Folder of a trained gate, whose tensors and figures become the package's.
    best
        Whether the weights of the best validation are packed instead of the last.
    """

    evaluation: Path | None = None
    calibration: Path | None = None
    gate: Path | None = None
    best: bool = False


def pack(
    run: Path, labels: Path, card_file: Path, parts: Parts, folder: Path, packages: Path | None = None
) -> ModelPackage:
    """Write the run's averaged weights and its card into `folder` and load them as anyone would.

    Parameters
    ----------
    run
        Folder that `models.training.trainer.train` filled.
    labels
        Its label maps: they must have the names that the run knows.
    card_file
        The part of the card that people write (YAML); see `models.training.draft`.
    packages
        Folder of the site's own packages, beside those of the software.

    Raises
    ------
    RecipeError
        If the run (``run-absent``, ``run-unreadable``), the card's file or one of `parts` cannot be read; if the draft
        says what the run has to say (``card-claims-run``) or tells of other weights (``card-of-other-weights``); or
        the labels are not the run's (``labels-of-another-run``).
    PackageError
        If the card is not complete, if it states name and version of an installed package that has other weights
        (``package-name-taken``), or if `folder` lies in `packages` and a package has the name (``package-doubled``).
    """
    draft = read_draft(card_file)
    if packages is not None and folder.absolute().parent.resolve() == packages.resolve():
        # What is written there is installed at once, and there a name is one package's, of whatever version.
        prove_free(str(draft.get("name")), folder, packages)
    kept = read_run(run)
    recipe = _recipe(run, kept)
    checkpoint = load_checkpoint(run)
    weights, steps = _weights(run, checkpoint, parts.best)
    gate_weights, gate = (None, None) if parts.gate is None else gate_part(parts.gate)
    content = half_precision(weights | (gate_weights or {}))
    check_new_version(card_file, draft, hashlib.sha256(content).hexdigest(), packages)
    written = for_weights(card_file, draft, half_precision(weights))
    training = _training(kept, _names(kept, labels), recipe, written)
    training |= {"steps": steps, "minutes": round(float(checkpoint["progress"]["seconds"]) / 60, 1)}
    metrics = _part(parts.evaluation, "card_metrics", CardMetrics) or NOT_EVALUATED
    card = written.card | _built(recipe, written.card["network"], weights)
    card |= {"training": training, "metrics": metrics.model_dump(mode="json")}
    if calibration := _part(parts.calibration, "calibration", CardCalibration):
        card["calibration"] = calibration.model_dump(mode="json")
    if gate is not None:
        card["gate"] = gate.model_dump(mode="json")
    return write_with_golden(folder, card, content)


def check_new_version(card_file: Path, card: Mapping[str, Any], weights: str, packages: Path | None) -> None:
    """Refuse name and version of a package that is installed and has other weights than those of that SHA-256.

    Two networks under one name and version could not be told apart by a person who reads a report.

    Raises
    ------
    PackageError
        ``package-name-taken``.
    """
    holder = holder_of(str(card.get("name")), packages)
    if holder is None or holder.version != str(card.get("version")):
        return
    if load_package(holder.folder).digests.get(WEIGHTS) != weights:
        raise PackageError(
            "package-name-taken",
            file=str(card_file),
            found=f"{holder.name} {holder.version}",
            first=str(holder.folder),
            remedy="write a name of your own on the card, or a new version",
        )


def half_precision(weights: dict[str, Tensor]) -> bytes:
    """Return weights as a safetensors file in float16, by name."""
    return save({name: value.half().contiguous() for name, value in sorted(weights.items())})


def _recipe(run: Path, kept: Mapping[str, Any]) -> Recipe:
    """Return the recipe that a run keeps; one of another version of the software may not be a recipe any more."""
    try:
        return Recipe.model_validate(kept["recipe"])
    except ValidationError as why:
        first = why.errors()[0]
        raise RecipeError(
            "run-unreadable",
            file=str(run / RUN),
            key=".".join(("recipe", *(str(part) for part in first["loc"]))),
            found=first["msg"].removeprefix("Value error, "),
            remedy="pack it with the version of the software that trained it",
        ) from why


def _weights(run: Path, checkpoint: dict[str, Any], best: bool) -> tuple[dict[str, Tensor], int]:
    """Return averaged weights and the steps that they saw."""
    if not best:
        return checkpoint["averages"][NETWORK], int(checkpoint["progress"]["step"])
    try:
        content = read_tensors(run / BEST)
    except UNREADABLE as why:
        raise RecipeError("run-unreadable", file=str(run / BEST), found=str(why)) from why
    return content["averages"][NETWORK], int(content["step"])


def _built(recipe: Recipe, written: dict[str, Any], weights: dict[str, Tensor]) -> dict[str, Any]:
    """Return the parts of the card that follow from the recipe."""
    network = recipe.network
    return {
        "output": {
            "modality": "CT",
            "unit": "HU",
            "lowest": network.anchors_hu[0],
            "highest": network.anchors_hu[-1],
            "voxel_mm": [recipe.voxel_mm] * 3,
            "outside": AIR_HU,
        },
        "network": {
            **written,
            "kind": network.kind,
            "widths": list(network.widths),
            "anchors_hu": list(network.anchors_hu),
            "heads": network.heads,
            "tile_voxels": [recipe.patch_voxels] * 3,
            "parameters": sum(value.numel() for value in weights.values()),
        },
    }


def _names(kept: Mapping[str, Any], labels: Path) -> list[str]:
    """Return the label maps' names, in the order in which the last are held out.

    Raises
    ------
    RecipeError
        ``labels-of-another-run``.
    """
    names = [map_name(file) for file in map_files(labels)]
    if kept["labels"] is not None and kept["labels"] != names:
        raise RecipeError(
            "labels-of-another-run",
            folder=str(labels),
            found=", ".join(names[:3]),
            accepted=", ".join(kept["labels"][:3]),
            remedy="give the folder of label maps that the run was begun with",
        )
    return names


def _training(kept: Mapping[str, Any], names: Sequence[str], recipe: Recipe, written: Written) -> dict[str, Any]:
    """Return what the card says of the training: the labels' source and licence by the draft, the rest by the run."""
    own, held_out = names[: -recipe.held_out], names[-recipe.held_out :]
    learnt = list(dict.fromkeys((*kept["learnt_from"], *own)))
    begun = "first weights by chance" if kept["parent"] is None else f"begun from {kept['parent']}"
    told = [
        f"{len(own)} label maps, from which MR and CT were rendered by domain randomisation; {begun}.",
        "" if kept["parent"] is None else "Steps and minutes are those of this run alone.",
        written.history,
    ]
    return {
        **written.card["training"],
        "data": " ".join(part for part in told if part),
        "trained_on": learnt,
        "held_out": [name for name in held_out if name not in learnt],
        "recipe": recipe.recipe,
        "parent": kept["parent"],
    }


def _part(file: Path | None, key: str, kind: type[Part]) -> Part | None:
    """Return what `file` has under `key`, None without a file."""
    if file is None:
        return None
    try:
        return kind.model_validate(json.loads(file.read_text(encoding="utf-8"))[key])
    except (OSError, ValueError, KeyError, TypeError) as why:
        told = why.errors()[0] if isinstance(why, ValidationError) else why
        raise RecipeError("report-unreadable", file=str(file), key=key, found=str(told)) from why
