"""Turning a run into a package: averaged weights in half precision, and a card that tells what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors.torch import save
from torch import Tensor

from models.errors import PackageError, RecipeError
from models.gate.packing import gate_part
from models.packages import CardCalibration, CardMetrics, ModelPackage, load_package
from models.packages.card import Normalisation
from models.packages.contents import WEIGHTS
from models.packages.golden import write_with_golden
from models.packages.installed import check_name_free, holder_of
from models.quantities import Quantity
from models.training.checkpoint import UNREADABLE, load_checkpoint, read_tensors
from models.training.draft import Written, for_weights, read_draft
from models.training.objective import NETWORK
from models.training.recipe import Recipe, first_fault
from models.training.run import RUN, read_run
from models.training.run_recorder import BEST

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
    run: Path, data: Path, card_file: Path, parts: Parts, folder: Path, packages: Path | None = None
) -> ModelPackage:
    """Write the run's averaged weights and its card into `folder` and load them as anyone would.

    Parameters
    ----------
    run
        Folder that `models.training.run.train` filled.
    data
        The folder that it learnt from: its cases must have the names that the run knows.
    card_file
        The part of the card that people write (YAML); see `models.training.draft`.
    packages
        Folder of the site's own packages, beside those of the software.

    Raises
    ------
    RecipeError
        If the run (``run-absent``, ``run-unreadable``), the card's file or one of `parts` cannot be read; if the draft
        says what the run has to say (``card-claims-run``), tells of other weights (``card-of-other-weights``) or of
        other inputs than the recipe's (``card-of-another-task``); or the data are not the run's
        (``data-of-another-run``).
    PackageError
        If the card is not complete, if it states name and version of an installed package that has other weights
        (``package-name-taken``), or if `folder` lies in `packages` and a package has the name (``package-doubled``).
    """
    draft = read_draft(card_file)
    if packages is not None and folder.absolute().parent.resolve() == packages.resolve():
        # What is written there is installed at once, and there a name is one package's, of whatever version.
        check_name_free(str(draft.get("name")), folder, packages)
    kept = read_run(run)
    recipe = _recipe(run, kept)
    checkpoint = load_checkpoint(run)
    weights, steps = _weights(run, checkpoint, parts.best)
    gate_weights, gate = (None, None) if parts.gate is None else gate_part(parts.gate)
    content = half_precision(weights | (gate_weights or {}))
    check_new_version(card_file, draft, hashlib.sha256(content).hexdigest(), packages)
    written = for_weights(card_file, draft, half_precision(weights))
    check_inputs(card_file, written.card, [(one.name, one.quantity, one.normalisation) for one in recipe.task.inputs])
    _check_cases(kept, recipe, data)
    training = _training(kept, recipe, written)
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
        key, found = first_fault(why, kept["recipe"])
        raise RecipeError(
            "run-unreadable",
            file=str(run / RUN),
            key="recipe" if key == "the whole" else f"recipe.{key}",
            found=found,
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
    task = recipe.task
    return {
        "output": task.output.model_dump(mode="json"),
        "network": {
            **written,
            **recipe.parts.generator.card_network(task),
            "tile_voxels": list(task.patch_voxels),
            "parameters": sum(value.numel() for value in weights.values()),
        },
    }


def check_inputs(file: Path, card: Mapping[str, Any], learnt: Sequence[tuple[str, Quantity, Normalisation]]) -> None:
    """Refuse a draft whose inputs, their order, quantity or normalisation are not those that the network learnt with.

    Raises
    ------
    RecipeError
        ``card-of-another-task``.
    """
    try:
        stated = [
            (
                one["name"],
                Quantity(one["quantity"]),
                TypeAdapter(Normalisation).validate_python(one["normalisation"]),
            )
            for one in card["inputs"]
        ]
    except (KeyError, TypeError, ValueError):
        return  # what is wrong with it is named when the package is written
    if stated != learnt:
        raise RecipeError(
            "card-of-another-task",
            file=str(file),
            found=_describe_inputs(stated),
            accepted=_describe_inputs(learnt),
            remedy="state the inputs as the network learnt them: names, order, quantity and normalisation",
        )


def _describe_inputs(inputs: Sequence[tuple[str, Quantity, BaseModel]]) -> str:
    return ", ".join(f"{name} ({quantity}, {normalisation})" for name, quantity, normalisation in inputs)


def _check_cases(kept: Mapping[str, Any], recipe: Recipe, data: Path) -> None:
    """Refuse a folder whose cases are not the run's.

    Raises
    ------
    RecipeError
        ``data-of-another-run``.
    """
    with TemporaryDirectory() as nowhere:
        names = list(recipe.data.open(recipe.task, recipe.seed, data, Path(nowhere), "cpu").cases)
    if kept["cases"] != names:
        raise RecipeError(
            "data-of-another-run",
            folder=str(data),
            found=", ".join(names[:3]),
            accepted=", ".join(kept["cases"][:3]),
            remedy="give the folder of data that the run was begun with",
        )


_SOURCES = {
    "rendered": "label maps, from which MR and CT were rendered by domain randomisation",
    "paired": "cases with true images of input and target",
}


def _training(kept: Mapping[str, Any], recipe: Recipe, written: Written) -> dict[str, Any]:
    """Return what the card says of the training: the data's source and licence by the draft, the rest by the run."""
    names, count = kept["cases"], int(kept["held_out"])
    own, held_out = names[:-count], names[-count:]
    learnt = list(dict.fromkeys((*kept["learnt_from"], *own)))
    begun = "first weights by chance" if kept["parent"] is None else f"begun from {kept['parent']}"
    sentences = [
        f"{len(own)} {_SOURCES[recipe.data.kind]}; {begun}.",
        "" if kept["parent"] is None else "Steps and minutes are those of this run alone.",
        written.history,
    ]
    return {
        **written.card["training"],
        "data": " ".join(part for part in sentences if part),
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
        found = why.errors()[0] if isinstance(why, ValidationError) else why
        raise RecipeError("report-unreadable", file=str(file), key=key, found=str(found)) from why
