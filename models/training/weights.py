"""Weights to begin from: a package's, a run's, or a bare file's, proved to be of the same architecture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from models.errors import RecipeError
from models.packages import load_package
from models.training.checkpoint import UNREADABLE, has_checkpoint, load_checkpoint, read_tensors
from models.training.objective import NETWORK

GATE = "gate."
"""Tensors of a package's weights whose names start so belong to its input gate, which is not trained here."""

_TOLD = 4


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """Weights, what they are for the card of what comes of them, and the cases that they are known to come from."""

    tensors: dict[str, Tensor]
    parent: str
    learnt_from: tuple[str, ...] = ()


def starting_weights(place: Path) -> StartingWeights:
    """Read weights from a package's folder, a run's folder, a ``.safetensors`` or a ``.pt`` file.

    Of a run and of a checkpoint, the averaged weights are taken.

    Raises
    ------
    RecipeError
        If there is nothing that can be read (``weights-unreadable``), or a package has no weights of its own to train
        on, as an ONNX graph has not (``package-not-trainable``).
    PackageError
        If a package is not whole.
    """
    if place.is_dir() and has_checkpoint(place):
        return StartingWeights(_averaged(load_checkpoint(place), place), f"run {place.name}", _cases(place))
    if place.is_dir():
        package = load_package(place)
        if not package.card.network.trainable:
            raise RecipeError(
                "package-not-trainable",
                package=package.card.name,
                found=f"a network of kind {package.card.network.kind}: a graph to run, not one to train",
                accepted="a kind with safetensors weights",
            )
        tensors = _safetensors(package.content(package.weights.name), package.weights)
        parent = f"{package.card.name} {package.card.version} {package.sha256}"
        return StartingWeights(tensors, parent, package.card.training.trained_on)
    if place.suffix == ".safetensors":
        return StartingWeights(_safetensors(_bytes(place), place), f"file {place.name}")
    try:
        return StartingWeights(_averaged(read_tensors(place), place), f"file {place.name}")
    except UNREADABLE as why:
        raise _unreadable(place, str(why)) from why


def load_weights(network: nn.Module, weights: StartingWeights) -> None:
    """Give `network` the weights.

    Raises
    ------
    RecipeError
        If they are of another architecture (``weights-of-another-network``); the first that do not fit are named.
    """
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in weights.tensors.items()}
    missing = [name for name in wanted if name not in given]
    strangers = [name for name in given if name not in wanted]
    differing = [
        f"{name} is {given[name]}, not {wanted[name]}"
        for name in wanted
        if given.get(name, wanted[name]) != wanted[name]
    ]
    if missing or strangers or differing:
        raise RecipeError(
            "weights-of-another-network",
            weights=weights.parent,
            missing=_first(missing),
            unknown=_first(strangers),
            differing=_first(differing),
            remedy="begin from weights of the same kind, widths, anchors and heads",
        )
    network.load_state_dict({name: value.float() for name, value in weights.tensors.items()})


def _cases(run: Path) -> tuple[str, ...]:
    """Return the cases that a run learnt from, and those of what it began from; none where it does not say."""
    try:
        content = json.loads((run / "run.json").read_text(encoding="utf-8"))
        return tuple(dict.fromkeys((*content["learnt_from"], *content["cases"][: -int(content["held_out"])])))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _averaged(content: dict[str, Any], place: Path) -> dict[str, Tensor]:
    """Return the weights in a checkpoint of a run, or in a bare mapping of tensors."""
    weights: object = content
    if "averages" in content:
        weights = content["averages"].get(NETWORK)
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise _unreadable(place, "no mapping of tensors")
    return weights


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as why:
        raise _unreadable(file, str(why)) from why


def _safetensors(content: bytes, file: Path) -> dict[str, Tensor]:
    try:
        return {name: value for name, value in load(content).items() if not name.startswith(GATE)}
    except SafetensorError as why:
        raise _unreadable(file, str(why)) from why


def _unreadable(place: Path, found: str) -> RecipeError:
    return RecipeError(
        "weights-unreadable",
        file=str(place),
        found=" ".join(found.split())[:200],
        accepted="a package's or a run's folder, .safetensors, or .pt with tensors alone",
        remedy="have its weights saved as .safetensors where they come from; code in a file is never run here",
    )


def _first(names: list[str]) -> str:
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return (", ".join(names[:_TOLD]) + more) or "none"
