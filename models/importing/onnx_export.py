"""A package's own network as an ONNX graph, for other software."""

from __future__ import annotations

from pathlib import Path

from models.errors import PackageError
from models.importing.graph import write_graph
from models.networks.building import residual_unet
from models.packages import ModelPackage, ResidualUNetNetwork
from models.packages.onnx_file import check_onnx

LARGEST_DIFFERENCE_HU = 0.5
"""Between the network and its graph on a tile of noise, both in float32."""


def export_onnx(package: ModelPackage, file: Path) -> float:
    """Write the package's network as ONNX: (batch, inputs, z, y, x) normalised to value and Laplace scale in HU.

    Returns
    -------
    The largest difference between the graph and the network on a tile of noise, in the output's unit; 0 where the
    package holds a graph already.

    Raises
    ------
    PackageError
        ``onnx-differs`` when the graph does not do the same; then nothing is left.
    """
    part = file.with_name(f".part-{file.name}")
    try:
        if isinstance(package.card.network, ResidualUNetNetwork):
            network = residual_unet(package, package.card.network)
            difference = write_graph(network, (len(package.card.inputs), *package.card.network.tile_shape), part)
        else:
            part.write_bytes(package.content(package.weights.name))
            difference = 0.0
        check_onnx(part)
        if not difference <= LARGEST_DIFFERENCE_HU:
            raise PackageError("onnx-differs", found=difference, accepted=f"up to {LARGEST_DIFFERENCE_HU:g} HU")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return difference
