"""Writing a torch network as an ONNX graph, and looking whether the graph does the same."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from models.importing.axes import Axes

_OPSET = 17


class OnOurAxes(nn.Module):
    """A foreign network, or the mean of several, on tiles of our working array.

    Parameters
    ----------
    networks
        Each maps (batch, channels, *its own spatial axes) to (batch, fields, *the same); a two-dimensional one gets the
        slices along its first axis one by one.
    axes
        Where its array's axes come from.
    flat
        Whether they are two-dimensional.
    """

    def __init__(self, networks: list[nn.Module], axes: Axes, flat: bool) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.order, self.flat = axes.order, flat
        self.flips = [2 + axis for axis in axes.reversed]
        self.back = [axes.order.index(axis) for axis in range(3)]

    def forward(self, tiles: Tensor) -> Tensor:
        """Map (batch, inputs, z, y, x) to (batch, fields, z, y, x)."""
        theirs = self._flipped(tiles.permute(0, 1, *(2 + axis for axis in self.order)))
        if self.flat:
            theirs = theirs.squeeze(2)
        answer = torch.stack([network(theirs) for network in self.networks]).mean(dim=0)
        if self.flat:
            answer = answer.unsqueeze(2)
        return self._flipped(answer).permute(0, 1, *(2 + axis for axis in self.back))

    def _flipped(self, array: Tensor) -> Tensor:
        # A flip of no axis becomes a Slice that ONNX Runtime does not take.
        return array.flip(self.flips) if self.flips else array


def write_graph(network: nn.Module, shape: tuple[int, int, int, int], file: Path) -> float:
    """Write `network` as ONNX and return the largest difference between both on a random tile.

    Parameters
    ----------
    network
        (batch, inputs, z, y, x) to (batch, fields, z, y, x), float32, in evaluation mode, on the CPU.
    shape
        (inputs, z, y, x) of a tile; the batch is left open.
    """
    tiles = torch.randn((1, *shape), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecation; it is the one that needs nothing besides
        torch.onnx.export(
            network,
            (tiles,),
            str(file),
            input_names=["tiles"],
            output_names=["fields"],
            dynamic_axes={"tiles": {0: "batch"}, "fields": {0: "batch"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        ours = network(tiles).numpy()
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"tiles": tiles.numpy()})
    return float(np.abs(np.asarray(found) - ours).max())
