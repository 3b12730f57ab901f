"""Trilinear resampling from one grid to another, with a blur first where the target is coarser."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.errors import InputError
from models.volumes import Grid, Volume

_FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""

_SLAB_VOXELS = 4_000_000


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
    if min(source.grid.size) < 2:
        raise InputError("source-too-thin", size=str(source.grid.size), accepted="2 voxels or more along each axis")
    # Copied, because arrays decoded from files are often read-only, which torch cannot express.
    values = torch.from_numpy(np.array(source.values, dtype=np.float32)).to(device)
    values = _blurred(values, source.grid, target)
    to_source = np.linalg.inv(source.grid.affine) @ target.affine
    matrix = torch.from_numpy(to_source).to(device=device)  # doubles: positions must not drift over 500 voxels
    k, j, i = target.shape
    out = torch.zeros(target.shape, dtype=torch.float32, device=device)
    inside = torch.zeros(target.shape, dtype=torch.bool, device=device)
    last = torch.tensor(source.grid.size, dtype=torch.float64, device=device) - 1
    columns = torch.arange(i, dtype=torch.float64, device=device)
    rows = torch.arange(j, dtype=torch.float64, device=device)
    plane = rows[:, None, None] * matrix[:3, 1] + columns[None, :, None] * matrix[:3, 0] + matrix[:3, 3]
    step = max(1, _SLAB_VOXELS // (i * j))
    for start in range(0, k, step):
        slices = torch.arange(start, min(k, start + step), dtype=torch.float64, device=device)
        at = plane[None] + slices[:, None, None, None] * matrix[:3, 2]
        inside[start : start + step] = ((at >= -0.5) & (at <= last + 0.5)).all(dim=-1)
        unit = (2 * at.clamp(min=torch.zeros_like(last), max=last) / last - 1).float()
        out[start : start + step] = functional.grid_sample(
            values[None, None], unit[None], mode="bilinear", align_corners=True
        )[0, 0]
    out *= inside
    return Volume(out.cpu().numpy(), target), inside.cpu().numpy()


def _blurred(values: Tensor, source: Grid, target: Grid) -> Tensor:
    own, theirs = np.asarray(source.direction), np.asarray(target.direction)
    for axis in range(3):
        # The target voxel's width as seen along this source axis.
        width = sqrt(sum((float(own[axis] @ theirs[t]) * target.spacing[t]) ** 2 for t in range(3)))
        missing = width**2 - source.spacing[axis] ** 2
        if missing <= 0:
            continue
        sigma = sqrt(missing) / _FWHM / source.spacing[axis]
        radius = max(1, ceil(3 * sigma))
        taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, device=values.device) / sigma) ** 2)
        values = _convolved(values, taps / taps.sum(), dimension=2 - axis)
    return values


def _convolved(values: Tensor, taps: Tensor, dimension: int) -> Tensor:
    radius = len(taps) // 2
    lines = values.movedim(dimension, -1)
    padded = functional.pad(lines.reshape(1, -1, lines.shape[-1]), (radius, radius), mode="replicate")
    result = torch.zeros_like(lines)
    for offset, tap in enumerate(taps):
        result += tap * padded[0, :, offset : offset + lines.shape[-1]].reshape(lines.shape)
    return result.movedim(-1, dimension).contiguous()
