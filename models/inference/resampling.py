"""Trilinear resampling from one grid to another, with a blur first where the target is coarser."""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.errors import InputError
from models.inference import resampling_cpu, resampling_cuda
from models.volumes import Grid, Volume

_FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

_ROUNDING_VOXELS = 1e-6


def resample(source: Volume, target: Grid, device: str = "cpu") -> tuple[Volume, npt.NDArray[np.bool_]]:
    """Return `source` on `target`, and which voxels of `target` lie in the source's field.

    A voxel lies in the field when its centre is at most half a source voxel outside the outermost centres; outside the
    field values are 0. Where the target samples more coarsely along a source axis, the source is first blurred by the
    Gaussian that turns its voxel's width into the target's.

    Raises
    ------
    InputError
        If `source` has an axis of fewer than two voxels (``source-too-thin``).
    """
    values, inside = resampled(source, target, torch.device(device), outside=0.0)
    return Volume(values.cpu().numpy(), target), inside.cpu().numpy()


def resampled(source: Volume, target: Grid, device: torch.device, outside: float) -> tuple[Tensor, Tensor]:
    """Return what `resample` does, on `device`: float32 values, `outside` where the source has none, and the field."""
    if min(source.grid.size) < 2:
        raise InputError("source-too-thin", size=str(source.grid.size), accepted="2 voxels or more along each axis")
    inside = torch.from_numpy(field_of(source.grid, target)).to(device)
    if source.grid == target:
        # Copied, because arrays decoded from files are often read-only, which torch cannot express.
        values = torch.from_numpy(np.array(source.values, dtype=np.float32)).to(device)
    elif device.type == "cpu":
        values = torch.from_numpy(resampling_cpu.interpolated(source, target, blur_voxels(source.grid, target)))
    else:
        values = resampling_cuda.interpolated(source, target, blur_voxels(source.grid, target), device)
    return values.masked_fill_(~inside, outside), inside


def field_of(source: Grid, target: Grid) -> npt.NDArray[np.bool_]:
    """Return which voxels of `target` lie in the field of `source`, shape ``target.shape``.

    Along a row of the target each of the source's six faces is crossed once at most, so that two bounds a row tell.
    """
    to_source = np.linalg.inv(source.affine) @ target.affine
    k, j, i = target.shape
    low, high = np.full((k, j), -np.inf), np.full((k, j), np.inf)
    for axis in range(3):
        first, last = -0.5 - _ROUNDING_VOXELS, source.size[axis] - 0.5 + _ROUNDING_VOXELS
        slope, at = to_source[axis, 0], to_source[axis, 3]
        begin = at + to_source[axis, 2] * np.arange(k)[:, None] + to_source[axis, 1] * np.arange(j)[None, :]
        if abs(slope) * i < _ROUNDING_VOXELS:
            high[(begin < first) | (begin > last)] = -np.inf
            continue
        bounds = (first - begin) / slope, (last - begin) / slope
        np.maximum(low, np.minimum(*bounds), out=low)
        np.minimum(high, np.maximum(*bounds), out=high)
    columns = np.arange(i, dtype=np.float32)
    # Whole columns, so that float32 compares exactly.
    first_column = np.ceil(low.clip(-1, i)).astype(np.float32)[..., None]
    last_column = np.floor(high.clip(-1, i)).astype(np.float32)[..., None]
    inside: npt.NDArray[np.bool_] = columns >= first_column
    inside &= columns <= last_column
    return inside


def blur_voxels(source: Grid, target: Grid) -> tuple[float, float, float]:
    """Return along each axis of the source (i, j, k) the Gaussian's standard deviation in its voxels; 0 for none."""
    own, theirs = np.asarray(source.direction), np.asarray(target.direction)
    sigmas = []
    for axis in range(3):
        # The target voxel's width as seen along this source axis.
        width = sqrt(sum((float(own[axis] @ theirs[t]) * target.spacing[t]) ** 2 for t in range(3)))
        missing = width**2 - source.spacing[axis] ** 2
        sigmas.append(sqrt(missing) / _FWHM / source.spacing[axis] if missing > 0 else 0.0)
    return sigmas[0], sigmas[1], sigmas[2]
