"""Writing a package: all of it, with its hash, or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from models.errors import PackageError
from models.nifti import write_nifti
from models.packages.contents import CARD, GOLDEN, GOLDEN_OUTPUT, content_hash, golden_file, network_file
from models.packages.package import ModelPackage, load_package
from models.quantities import Quantity
from models.volumes import Volume


def write_package(folder: Path, card: Mapping[str, Any], network: bytes, golden: Mapping[str, Volume]) -> ModelPackage:
    """Write a package into `folder`, which must be new or hold a package, and load it as anyone would.

    Parameters
    ----------
    card
        The card's content, of schema 3; ``sha256`` is stated anew.
    network
        Content of ``weights.safetensors`` or ``model.onnx``, as the card's ``network.kind`` says.
    golden
        By name: each of the card's inputs, and ``output``; all on one grid. Kept as int16, an output of a quantity
        that has no whole numbers as float32.

    Raises
    ------
    PackageError
        If what was written does not load: the card is not complete, say. Then `folder` is as it was.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise PackageError("folder-not-empty", folder=str(folder), accepted="a new folder, or one of a package")
    part = folder.with_name(f".part-{folder.name}")
    shutil.rmtree(part, ignore_errors=True)
    try:
        (part / GOLDEN).mkdir(parents=True)
        (part / network_file(_kind(card))).write_bytes(network)
        for name, volume in golden.items():
            write_nifti(volume, part / golden_file(name), _stored(card) if name == GOLDEN_OUTPUT else np.int16)
        content = {key: value for key, value in card.items() if key != "sha256"}
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)
        (part / CARD).write_text(text, encoding="utf-8")
        (part / CARD).write_text(f"{text}sha256: {content_hash(part)}\n", encoding="utf-8")
        package = load_package(part)
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return replace(package, folder=folder)


def _kind(card: Mapping[str, Any]) -> str:
    network = card.get("network")
    return str(network.get("kind")) if isinstance(network, Mapping) else ""


def _stored(card: Mapping[str, Any]) -> npt.DTypeLike:
    output = card.get("output")
    stated = output.get("quantity") if isinstance(output, Mapping) else None
    whole = stated in list(Quantity) and Quantity(stated).facts.whole
    return np.int16 if whole else np.float32
