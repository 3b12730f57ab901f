"""A trained gate on disk, and the part of a package that it becomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from models.errors import PackageError
from models.gate.network import GateNetwork, network_of, tensors_of
from models.packages import CardGate

WEIGHTS = "gate.safetensors"
REPORT = "gate.json"
"""Files of a gate folder; the report's entry ``gate`` goes into the card."""


def write_gate(folder: Path, network: GateNetwork, gate: CardGate, rates: Mapping[str, object]) -> None:
    """Write a trained gate, the report last: a folder without it is not whole."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / REPORT
    report.unlink(missing_ok=True)
    # By our own hand: where there is no room, the library that could write it raises no error of the system.
    (folder / WEIGHTS).write_bytes(save(tensors_of(network)))
    part = report.with_suffix(".part")
    part.write_text(json.dumps({"schema": 1, "gate": gate.model_dump(mode="json"), **rates}, indent=2) + "\n")
    part.replace(report)


def gate_part(folder: Path) -> tuple[dict[str, Tensor], CardGate]:
    """Return what a package takes from a gate folder: tensors named ``gate.*`` in half precision, and the card's entry.

    Raises
    ------
    PackageError
        If a file is missing or unreadable (``gate-absent``), or the weights do not fit (``gate-unfit``).
    """
    try:
        tensors = load_file(folder / WEIGHTS)
        content: dict[str, Any] = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        gate = CardGate.model_validate(content["gate"])
    except (OSError, ValueError, KeyError, SafetensorError, ValidationError) as why:
        raise PackageError(
            "gate-absent", folder=str(folder), found=str(why)[:200], remedy="train one by `synthnode models train-gate`"
        ) from why
    network_of(tensors)
    return tensors, gate
