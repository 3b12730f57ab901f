"""Taking over what a conversion made: nothing that it says is believed before it was looked at here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from models.errors import PackageError
from models.importing.sandbox import Converted
from models.packages import ModelPackage
from models.packages.contents import ONNX
from models.packages.golden import write_with_golden
from models.packages.onnx_file import check_onnx

LARGEST_DIFFERENCE = 1e-2
"""Of logits or normalised values, between the network and its graph on one tile of noise; float32 rounding is 1e-4."""


def received(card: Mapping[str, Any], done: Converted, work: Path, out: Path) -> ModelPackage:
    """Make a package of the graph that a conversion left in `work`.

    Raises
    ------
    PackageError
        If the graph is missing, is no plain standard graph, differs from its network, or does not fit the card.
    """
    difference = done.answer.get("difference")
    if not isinstance(difference, float) or not difference <= LARGEST_DIFFERENCE:
        raise PackageError("conversion-differs", found=str(difference), accepted=f"up to {LARGEST_DIFFERENCE:g}")
    graph = work / ONNX
    if graph.is_symlink() or not graph.is_file():
        raise PackageError("conversion-failed", missing=ONNX)
    return packaged(card, graph, out)


def packaged(card: Mapping[str, Any], graph: Path, out: Path) -> ModelPackage:
    """Make a package of an ONNX file; parameters and channels are counted.

    Raises
    ------
    PackageError
        As `received`.
    """
    check_onnx(graph)
    network = card.get("network")
    model = onnx.load(graph, load_external_data=False)
    counted = {
        **(network if isinstance(network, Mapping) else {}),
        "kind": "onnx",
        "parameters": _parameters(model),
        "channels": _channels(model),
    }
    golden = {"tolerance": _tolerance(card)}
    return write_with_golden(out, {**card, "network": counted, "golden": golden}, graph.read_bytes())


def _tolerance(card: Mapping[str, Any]) -> float:
    """Return what devices may differ by: 5 HU, or a hundredth of voxels or range."""
    output = card.get("output")
    stated = output if isinstance(output, Mapping) else {}
    if stated.get("unit") == "HU":
        return 5.0
    if stated.get("unit") == "label":
        return 0.01
    try:
        return max(1e-6, 0.01 * (float(stated["highest"]) - float(stated["lowest"])))
    except (KeyError, TypeError, ValueError):
        return 1.0  # the card's own check says what is wrong with its output


def _channels(model: onnx.ModelProto) -> int | None:
    stated = [list(output.type.tensor_type.shape.dim) for output in model.graph.output]
    return int(stated[0][1].dim_value) or None if stated and len(stated[0]) > 1 else None


def _parameters(model: onnx.ModelProto) -> int:
    sizes = [onnx.numpy_helper.to_array(tensor).size for tensor in model.graph.initializer]
    return max(1, int(sum(sizes)))
