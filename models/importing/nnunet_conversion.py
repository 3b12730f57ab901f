"""The part of an nnU-Net import that runs in the sandbox: from pickled checkpoints to one ONNX graph."""

from __future__ import annotations

import pydoc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.importing.axes import Axes
from models.importing.graph import OnOurAxes, write_graph
from models.packages.contents import ONNX

_ARCHITECTURES = "dynamic_network_architectures.architectures."


def convert(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Write the mean of the request's checkpoints as a graph on our axes; return how far it is from the networks."""
    networks = []
    for file in request["checkpoints"]:
        state = torch.load(file, map_location="cpu", weights_only=False)["network_weights"]
        network = _network(request["architecture"], int(request["inputs"]), int(request["fields"]))
        network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
        networks.append(network.float())
    axes = Axes(tuple(request["order"]), tuple(request["reversed"]))
    whole = OnOurAxes(networks, axes, bool(request["flat"])).eval()
    z, y, x = (int(side) for side in request["tile"])
    return {"difference": write_graph(whole, (int(request["inputs"]), z, y, x), folder / ONNX)}


def _network(architecture: Mapping[str, Any], inputs: int, fields: int) -> nn.Module:
    name = str(architecture["network_class_name"])
    made = pydoc.locate(name) if name.startswith(_ARCHITECTURES) else None
    if made is None:
        raise SystemExit(f"no network {name}: pip install 'synthnode[importing]' has those of nnU-Net")
    arguments = dict(architecture["arch_kwargs"])
    for key in architecture["_kw_requires_import"]:
        arguments[key] = None if arguments[key] is None else pydoc.locate(arguments[key])
    arguments["deep_supervision"] = False
    network: nn.Module = made(input_channels=inputs, num_classes=fields, **arguments)  # type: ignore[operator]
    return network
