"""The golden example: made when a package is written, computed again wherever it is to be trusted."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from models.errors import PackageError
from models.inference import Predictor
from models.nifti import read_nifti
from models.packages.card import Card, InputLimits
from models.packages.contents import GOLDEN_OUTPUT, golden_file
from models.packages.package import ModelPackage, card_of
from models.packages.writing import write_package
from models.quantities import Quantity
from models.volumes import Grid, Volume

_MOST_WHOLE, _MOST_FLOATS = 80**3, 60**3
"""Voxels of a golden image: however little int16 of 12 bits or float32 can be compressed, it stays below 1 MB."""

_LEAST_SIDE = 8


@dataclass(frozen=True, slots=True)
class GoldenCheck:
    """What a device made of the golden input.

    Attributes
    ----------
    difference
        Largest difference of a voxel in the output's unit; of labels the share of voxels that differ.
    tolerance
        What the card allows.
    device, precision
        Where and how it was computed.
    """

    difference: float
    tolerance: float
    device: str
    precision: str

    @property
    def within(self) -> bool:
        """Whether the card's tolerance holds."""
        return self.difference <= self.tolerance


def check_golden(package: ModelPackage, device: str = "cpu", precision: str | None = None) -> GoldenCheck:
    """Compute the golden output anew on `device` and hold it against what the package has.

    Raises
    ------
    PackageError
        If the golden images are not what the card says (``golden-invalid``), or the network cannot be built.
    """
    card = package.card
    inputs = {one.name: _read(package, one.name) for one in card.inputs}
    stated = _read(package, GOLDEN_OUTPUT)
    found, used = _computed(package, inputs, device, precision)
    difference = np.abs(found.values.astype(np.float64) - stated.values)
    worst = float((difference != 0).mean() if card.output.quantity is Quantity.LABEL else difference.max())
    return GoldenCheck(worst, card.golden.tolerance, device, used)


def write_with_golden(
    folder: Path, card: Mapping[str, Any], network: bytes, inputs: Mapping[str, Volume] | None = None
) -> ModelPackage:
    """Write a package whose golden output is what its network gives on this machine's CPU in float32.

    Parameters
    ----------
    folder, card, network
        As `models.packages.write_package` takes them; the card's ``golden.voxels`` is filled in.
    inputs
        Images on one axial grid with the card's voxel spacing, by input name. Left out: `made_input` for each.

    Raises
    ------
    PackageError
        As `write_package`, or when the network cannot be built or run.
    """
    size = {"voxels": [1, 1, 1], **dict(card.get("golden") or {})}  # filled in below
    checked = card_of({**card, "golden": size, "sha256": "0" * 64}, folder)
    given = inputs or {one.name: made_input(checked, one) for one in checked.inputs}
    rounded = {name: Volume(np.rint(one.values).astype(np.float32), one.grid) for name, one in given.items()}
    grid = next(iter(rounded.values())).grid
    filled = {**card, "golden": {**card["golden"], "voxels": list(grid.size)}}
    draft = folder.with_name(f".draft-{folder.name}")
    blank = Volume(np.zeros(grid.shape, np.float32), grid)
    try:
        written = write_package(draft, filled, network, {**rounded, GOLDEN_OUTPUT: blank})
        output, _ = _computed(written, rounded, "cpu", "float32")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return write_package(folder, filled, network, {**rounded, GOLDEN_OUTPUT: output})


def made_input(card: Card, one: InputLimits) -> Volume:
    """Return an image on the card's working grid that any network can be tried on: a ball with structure.

    It has the size of a tile, eight voxels at least; its longest sides are halved until a package may hold it. Its
    values are those that are typical of the input's quantity. The same card gives the same image.
    """
    sides = [max(side, _LEAST_SIDE) for side in card.network.tile_voxels]
    most = _MOST_WHOLE if card.output.quantity.facts.whole else _MOST_FLOATS
    while math.prod(sides) > most:
        longest = sides.index(max(sides))
        sides[longest] = -(-sides[longest] // 2)
    size = (sides[0], sides[1], sides[2])
    rng = np.random.default_rng(20260101)
    texture = ndimage.gaussian_filter(rng.standard_normal(size[::-1]), 1.5)
    texture /= float(np.abs(texture).max()) or 1.0
    at = [(np.arange(side) - (side - 1) / 2) / max(side / 2, 1) for side in size[::-1]]
    radius = np.sqrt(sum(np.square(axis) for axis in np.meshgrid(*at, indexing="ij")))
    body = radius < 0.85
    facts = one.quantity.facts
    low, high = facts.typical
    inner = (low + high) / 2 + (high - low) / 2 * texture
    values = np.where(body, np.rint(inner), facts.background)
    return Volume(values.astype(np.float32), Grid(size, card.output.voxel_mm, (0.0, 0.0, 0.0)))


def _read(package: ModelPackage, name: str) -> Volume:
    file = golden_file(name)
    package.content(file)  # the bytes that were verified, or an error
    volume = read_nifti(package.folder / file)
    output, grid = package.card.output, volume.grid
    fits = grid.size == package.card.golden.voxels and np.allclose(grid.spacing, output.voxel_mm, atol=1e-4)
    if not fits or not np.allclose(grid.direction, np.eye(3), atol=1e-4):
        raise PackageError(
            "golden-invalid",
            folder=str(package.folder),
            file=file,
            found=f"{grid.size} voxels of {grid.spacing} mm",
            accepted=f"{package.card.golden.voxels} axial voxels of {output.voxel_mm} mm",
        )
    # The affine's float32 in the file must not make two grids of one.
    return Volume(volume.values, Grid(grid.size, output.voxel_mm, (0.0, 0.0, 0.0)))


def _computed(
    package: ModelPackage, inputs: Mapping[str, Volume], device: str, precision: str | None
) -> tuple[Volume, str]:
    target = next(iter(inputs.values())).grid
    prediction = Predictor(package, device, precision).predict(inputs, target, lambda _: None)
    return prediction.synthetic, prediction.precision
