"""From a patient's images to what a network sees of them: resampled, scaled, and where in them the body is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InputError
from models.inference.body import body_cells, cell_side
from models.inference.plan import Voxels
from models.inference.resampling import field_of, resampled
from models.inference.scaling import Scaling, scaling_of
from models.inference.working_grid import labels_on
from models.intensity import reference_intensity
from models.packages import ForegroundPercentile, InputLimits
from models.quantities import Quantity
from models.volumes import Grid, Volume

AIR_LEVEL = 0.12
"""Share of the foreground's 90th percentile under which nothing in an MR image is tissue; noise stays below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The images of one patient on the target grid, padded to hold a tile, on the device.

    Attributes
    ----------
    raw
        Of each input, (k, j, i) float32 in its own unit.
    scalings
        Of each input, how the network sees it.
    field
        (k, j, i), True where all images were acquired.
    body
        Which cells hold body: see `models.inference.body.body_cells`.
    cell
        Side of a cell, voxels.
    inside
        Where the target grid lies in the padded one.
    backgrounds
        Of each input, the value beyond the grid, in its own unit.
    """

    raw: tuple[Tensor, ...]
    scalings: tuple[Scaling, ...]
    field: Tensor
    body: npt.NDArray[np.bool_]
    cell: int
    inside: tuple[slice, slice, slice]
    backgrounds: tuple[float, ...]

    @property
    def shape(self) -> Voxels:
        """Shape (k, j, i) of the padded grid."""
        k, j, i = self.field.shape
        return k, j, i

    def images(self, box: tuple[slice, slice, slice], beside: int = 0) -> Tensor:
        """Return what the network sees in `box` and in `beside` slices below and above: (inputs, k, j, i) float32.

        Slices beyond the grid hold the background, as they do in training.
        """
        k, j, i = box
        low, high = max(0, k.start - beside), min(self.shape[0], k.stop + beside)
        missing = (0, 0, 0, 0, low - (k.start - beside), k.stop + beside - high)
        seen = (slice(low, high), j, i)
        return torch.stack(
            [
                scaling(_padded(raw[seen], missing, background))
                for scaling, raw, background in zip(self.scalings, self.raw, self.backgrounds, strict=True)
            ]
        )


def match_inputs(inputs: Mapping[str, Volume], accepted: Sequence[InputLimits]) -> tuple[Volume, ...]:
    """Return the volumes in the card's order, found by their names or aliases.

    Raises
    ------
    InputError
        ``input-missing``, ``input-unknown`` or ``input-doubled``.
    """
    found: dict[str, Volume] = {}
    for name, volume in inputs.items():
        limits = next((one for one in accepted if name in (one.name, *one.aliases)), None)
        if limits is None:
            raise InputError("input-unknown", found=name, accepted=", ".join(one.name for one in accepted))
        if limits.name in found:
            raise InputError("input-doubled", input=limits.name, found=", ".join(inputs))
        found[limits.name] = volume
    for limits in accepted:
        if limits.name not in found:
            raise InputError("input-missing", input=limits.name, found=", ".join(inputs) or "none")
    return tuple(found[limits.name] for limits in accepted)


def prepare(
    volumes: Sequence[Volume], accepted: Sequence[InputLimits], target: Grid, tile: Voxels, device: torch.device
) -> Prepared:
    """Resample and measure the images of one patient.

    Parameters
    ----------
    volumes, accepted
        The images, and what the card says of each, in the same order.
    tile
        Shape (k, j, i) that the padded grid must hold.

    Raises
    ------
    InputError
        If an image has values that are not finite (``intensity-not-finite``), is constant (``intensity-constant``), has
        fewer than two voxels along an axis (``source-too-thin``), or the target lies where the images are not
        (``target-misses-source``).
    """
    for volume, limits in zip(volumes, accepted, strict=True):
        _check_image(volume, limits.name)
    raws, fields = zip(
        *(brought_onto(target, volume, one.quantity, device) for volume, one in zip(volumes, accepted, strict=True)),
        strict=True,
    )
    field = torch.stack(fields).all(dim=0)
    if not field.any():
        raise InputError("target-misses-source", origin=str(target.origin), size=str(target.size))
    scalings = []
    bright = torch.zeros_like(field)
    for volume, limits, raw in zip(volumes, accepted, raws, strict=True):
        in_field = raw[field].cpu().numpy()
        scalings.append(_scaling(limits, volume, in_field))
        bright |= raw > _body_level(limits, scalings[-1], in_field)
    bright &= field
    pad, inside = _padding(target.shape, tile)
    cell = cell_side(tile)
    return Prepared(
        raw=tuple(
            _padded(raw, pad, limits.quantity.facts.background) for raw, limits in zip(raws, accepted, strict=True)
        ),
        scalings=tuple(scalings),
        field=_padded(field, pad, False),
        body=body_cells(_padded(bright, pad, False), cell),
        cell=cell,
        inside=inside,
        backgrounds=tuple(limits.quantity.facts.background for limits in accepted),
    )


def brought_onto(target: Grid, source: Volume, quantity: Quantity, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return an image on the grid `target`, in training as in use, and where it was acquired: (k, j, i) each.

    Values are interpolated, labels are those of the nearest voxel; beyond the source's field stands the quantity's
    background.

    Raises
    ------
    InputError
        ``source-too-thin``.
    """
    if quantity is not Quantity.LABEL:
        return resampled(source, target, device, quantity.facts.background)
    inside = torch.from_numpy(field_of(source.grid, target)).to(device)
    return torch.from_numpy(labels_on(source, target).values).to(device), inside


def _check_image(volume: Volume, name: str) -> None:
    lowest, highest = float(volume.values.min()), float(volume.values.max())  # a NaN anywhere is both
    if not (isfinite(lowest) and isfinite(highest)):
        raise InputError("intensity-not-finite", input=name, voxels=int((~np.isfinite(volume.values)).sum()))
    if lowest == highest:
        raise InputError("intensity-constant", input=name, smallest=lowest, largest=highest)


def _scaling(limits: InputLimits, volume: Volume, in_field: npt.NDArray[np.float32]) -> Scaling:
    try:
        return scaling_of(limits.normalisation, volume.values, in_field)
    except InputError as why:
        raise InputError(why.code, input=limits.name, **why.parameters) from why


def _body_level(limits: InputLimits, scaling: Scaling, in_field: npt.NDArray[np.float32]) -> float:
    """Return what values of the body exceed; where that cannot be said everything is body."""
    if (level := limits.quantity.facts.body_above) is not None:
        return level
    if limits.quantity is not Quantity.MR_SIGNAL:
        return -inf
    if isinstance(limits.normalisation, ForegroundPercentile):
        return AIR_LEVEL * scaling.deviation  # which is the reference intensity, measured already
    try:
        return AIR_LEVEL * reference_intensity(in_field)
    except InputError:
        return -inf


def _padding(shape: Voxels, tile: Voxels) -> tuple[list[int], tuple[slice, slice, slice]]:
    """Return what to pad, in `functional.pad`'s order, to hold a tile, and where the array then lies."""
    short = [max(0, side - length) for length, side in zip(shape, tile, strict=True)]
    pad = [part for missing in reversed(short) for part in (missing // 2, missing - missing // 2)]
    k, j, i = (slice(missing // 2, missing // 2 + length) for missing, length in zip(short, shape, strict=True))
    return pad, (k, j, i)


def _padded(values: Tensor, pad: Sequence[int], value: float | bool) -> Tensor:
    return functional.pad(values, list(pad), value=value) if any(pad) else values
