"""Resampling where the network is, in torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.inference.gaussian import taps
from models.volumes import Grid, Volume

_SLAB_VOXELS = 4_000_000


def interpolated(source: Volume, target: Grid, sigmas: tuple[float, float, float], device: torch.device) -> Tensor:
    """Return `source`, blurred by `sigmas` voxels along i, j, k, at the voxels of `target`; undefined outside it."""
    # Copied, because arrays decoded from files are often read-only, which torch cannot express.
    values = torch.from_numpy(np.array(source.values, dtype=np.float32)).to(device)
    for axis, sigma in enumerate(sigmas):
        weights = taps(sigma)
        if weights is not None:
            values = _convolved(values, weights.tolist(), dimension=2 - axis)
    to_source = np.linalg.inv(source.grid.affine) @ target.affine
    matrix = torch.from_numpy(to_source).to(device)  # doubles: positions must not drift over 500 voxels
    k, j, i = target.shape
    last = torch.tensor(source.grid.size, dtype=torch.float64, device=device) - 1
    columns = torch.arange(i, dtype=torch.float64, device=device)
    rows = torch.arange(j, dtype=torch.float64, device=device)
    plane = rows[:, None, None] * matrix[:3, 1] + columns[None, :, None] * matrix[:3, 0] + matrix[:3, 3]
    out = torch.empty(target.shape, dtype=torch.float32, device=device)
    step = max(1, _SLAB_VOXELS // (i * j))
    for start in range(0, k, step):
        slices = torch.arange(start, min(k, start + step), dtype=torch.float64, device=device)
        at = plane[None] + slices[:, None, None, None] * matrix[:3, 2]
        unit = (2 * at.clamp(min=torch.zeros_like(last), max=last) / last - 1).float()
        out[start : start + step] = functional.grid_sample(
            values[None, None], unit[None], mode="bilinear", align_corners=True
        )[0, 0]
    return out


def _convolved(values: Tensor, weights: list[float], dimension: int) -> Tensor:
    radius = len(weights) // 2
    lines = values.movedim(dimension, -1)
    padded = functional.pad(lines.reshape(1, -1, lines.shape[-1]), (radius, radius), mode="replicate")
    result = torch.zeros_like(lines)
    for offset, weight in enumerate(weights):
        result += weight * padded[0, :, offset : offset + lines.shape[-1]].reshape(lines.shape)
    return result.movedim(-1, dimension).contiguous()
