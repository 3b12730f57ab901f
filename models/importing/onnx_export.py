"""A package's own network as an ONNX graph, for other software."""

from __future__ import annotations

from pathlib import Path

import onnx

from models.errors import PackageError
from models.importing.graph import write_graph
from models.packages import DISCLAIMER, Card, ModelPackage
from models.packages.onnx_file import check_onnx

LARGEST_DIFFERENCE_HU = 0.5
"""Between the network and its graph on a tile of noise, both in float32."""


def export_onnx(package: ModelPackage, file: Path) -> float:
    """Write the package's network as ONNX: (batch, inputs, z, y, x) normalised to value and Laplace scale in HU.

    The file's metadata name the package and its hash, and say what of the package `left_out` of the graph.

    Returns
    -------
    The largest difference between the graph and the network on a tile of noise, in the output's unit; 0 where the
    package holds a graph already.

    Raises
    ------
    PackageError
        ``export-refused`` when the network alone is not the model; ``onnx-differs`` when the graph does not do the
        same; then nothing is left.
    """
    if reason := package.card.network.export_misfit():
        raise PackageError("export-refused", package=package.card.name, found=reason)
    part = file.with_name(f".part-{file.name}")
    try:
        network = package.card.network.module(package)
        if network is not None:
            difference = write_graph(network, (len(package.card.inputs), *package.card.network.tile_shape), part)
        else:
            part.write_bytes(package.content(package.weights.name))
            difference = 0.0
        _marked(part, package)
        check_onnx(part)
        if not difference <= LARGEST_DIFFERENCE_HU:
            raise PackageError("onnx-differs", found=difference, accepted=f"up to {LARGEST_DIFFERENCE_HU:g} HU")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return difference


def left_out(card: Card) -> tuple[str, ...]:
    """Return what of a package its network alone does not do, for those who run it with other software."""
    output = card.output
    done = [
        "normalisation of the inputs, resampling to the working grid, tiles, the limits of "
        f"{output.lowest:g} to {output.highest:g} and what lies outside"
        if card.task.kind == "synthesis"
        else "normalisation of the inputs, resampling to the working grid, tiles and the choice of the likeliest label"
    ]
    if card.scale_factor is not None:
        done.append(
            f"the calibration: multiply the scale by {card.scale_factor:g}, or it is not what the card measured"
        )
    if card.gate is not None:
        done.append("the input gate: nothing refuses an image unlike those that the model was made for")
    return tuple(done)


def _marked(file: Path, package: ModelPackage) -> None:
    card = package.card
    model = onnx.load(file, load_external_data=False)
    content = {entry.key: entry.value for entry in model.metadata_props} | {
        "disclaimer": DISCLAIMER,
        "package": f"{card.name} {card.version}",
        "package_sha256": package.sha256,
        "left_out": "; ".join(left_out(card)),
    }
    if card.scale_factor is not None:
        content["calibration_factor"] = f"{card.scale_factor:g}"
    onnx.helper.set_model_props(model, content)
    onnx.save(model, str(file))
