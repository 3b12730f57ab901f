"""The part of a MONAI import that runs in the sandbox: from a bundle to one ONNX graph."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.importing.axes import Axes
from models.importing.graph import OnOurAxes, write_graph
from models.packages.contents import ONNX


def convert(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write the bundle's network as a graph on our axes; return how far it is from the network."""
    axes = Axes(tuple(request["order"]), tuple(request["reversed"]))
    whole = OnOurAxes([_network(request)], axes, flat=False).eval()
    z, y, x = (int(side) for side in request["tile"])
    with torch.inference_mode():
        given = whole(torch.zeros(1, int(request["inputs"]), z, y, x))
    expected = (1, int(request["fields"]), z, y, x)
    if tuple(given.shape) != expected:
        raise SystemExit(f"the network gives {tuple(given.shape)}, its metadata say {expected}")
    return {"difference": write_graph(whole, (int(request["inputs"]), z, y, x), folder / ONNX)}


def _network(request: Mapping[str, Any]) -> nn.Module:
    try:
        from monai.bundle import ConfigParser
    except ImportError:
        raise SystemExit("no MONAI: pip install 'synthnode[importing]'") from None
    sys.path.insert(0, str(request["bundle"]))  # bundles bring modules of their own
    parser = ConfigParser()
    parser.read_config(str(request["configuration"]))
    network: nn.Module = parser.get_parsed_content("network_def")
    network.load_state_dict(_state(str(request["weights"])))
    return network.float().eval()


def _state(weights: str) -> Mapping[str, Any]:
    if weights.endswith(".ts"):
        jit: Any = torch.jit  # without types
        script: nn.Module = jit.load(weights, map_location="cpu")
        return script.state_dict()
    state: Mapping[str, Any] = torch.load(weights, map_location="cpu", weights_only=False)
    inner = state.get("model")
    return inner if isinstance(inner, Mapping) else state
