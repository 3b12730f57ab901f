"""Smooth random fields and operators along axes, for a batch of cubes at a time: small matrices along each axis.

Every tensor's first axis is the batch's. Random numbers come from numpy generators on the processor, so a draw is the
same whatever device it is applied on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Floats = npt.NDArray[np.float32]

_SPREAD = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class FieldDraw:
    """One draw of a smooth field.

    Attributes
    ----------
    nodes
        Independent normal values on an even lattice that spans the cube, shape (n, n, n).
    width
        Distance, in nodes, below which the field's values are alike.
    """

    nodes: Floats
    width: float


def draw_field(rng: np.random.Generator, extent_mm: float, finest_mm: float, distance_mm: float) -> FieldDraw:
    """Draw a field over a cube of `extent_mm` a side whose values change over about `distance_mm`.

    `finest_mm` is the lattice's step, the same for all draws of a kind, so that they make one batch.
    """
    count = max(3, round(extent_mm / finest_mm) + 1)
    width = max(1.0, distance_mm * (count - 1) / extent_mm)
    return FieldDraw(rng.standard_normal((count, count, count), dtype=np.float32), width)


def smooth_fields(draws: Sequence[FieldDraw], points: int, device: torch.device) -> Tensor:
    """Return the fields of `draws`, shape (b, points, points, points), with mean 0 and standard deviation about 1."""
    nodes = torch.from_numpy(np.stack([draw.nodes for draw in draws])).to(device)
    matrices = torch.from_numpy(np.stack([spread_matrix(points, d.nodes.shape[0], d.width) for d in draws])).to(device)
    # The matrix averages independent nodes; undo the loss of variance that this brings.
    gain = matrices.square().sum(dim=2).mean(dim=1).pow(-1.5)
    return along_axes(nodes * gain[:, None, None, None], matrices, matrices, matrices)


def along_axes(values: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Return `values` (b, d, h, w) with one matrix applied along each of its axes.

    Parameters
    ----------
    values
        Shape (b, d, h, w).
    first, second, third
        Shapes (b, d', d), (b, h', h) and (b, w', w).
    """
    batch, depth, height, width = values.shape
    out = torch.bmm(values.reshape(batch, depth * height, width), third.transpose(1, 2))
    out = torch.matmul(second[:, None], out.reshape(batch, depth, height, -1))
    out = torch.bmm(first, out.reshape(batch, depth, -1))
    return out.reshape(batch, first.shape[1], second.shape[1], third.shape[1])


def spread_matrix(points: int, nodes: int, width: float = 1.0) -> Floats:
    """Return the (points, nodes) matrix that spreads node values smoothly over evenly spaced points.

    Rows are normalised Gaussians of 0.6 `width`, so constants stay constant and no facets show.
    """
    at = np.linspace(0.0, nodes - 1.0, points)[:, None]
    weights = np.exp(-0.5 * ((at - np.arange(nodes)[None, :]) / (_SPREAD * width)) ** 2)
    rows: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


def linear_matrix(points: int, nodes: int) -> Floats:
    """Return the (points, nodes) matrix of linear interpolation between evenly spaced nodes."""
    at = np.linspace(0.0, nodes - 1.0, points)[:, None]
    rows: Floats = np.maximum(0.0, 1.0 - np.abs(at - np.arange(nodes)[None, :])).astype(np.float32)
    return rows


def slice_matrix(points: int, sigma: float, step: float) -> Floats:
    """Return the (points, points) matrix of a slice profile and of reading slices `step` points apart.

    The image is blurred by a Gaussian of `sigma` points, read at every `step`-th point, and interpolated linearly back.
    """
    at = np.arange(points, dtype=np.float64)
    centres = np.arange(0.0, points - 1 + step, step) if step > 1 else at
    profile = np.exp(-0.5 * ((centres[:, None] - at[None, :]) / max(sigma, 1e-3)) ** 2)
    if sigma < 0.1:
        profile = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - at[None, :]))
    total = profile.sum(axis=1, keepdims=True)
    profile = np.divide(profile, total, out=np.zeros_like(profile), where=total > 1e-6)
    back = np.maximum(0.0, 1.0 - np.abs(at[:, None] - centres[None, :]) / max(step, 1.0))
    # A last slice centred beyond the last point may have read nothing; its neighbour then stands in for it.
    mixed = back @ profile
    matrix: Floats = (mixed / mixed.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def truncation_matrix(points: int, kept: float) -> Floats:
    """Return the (points, points) matrix of an acquisition that stops at the share `kept` of spatial frequencies.

    The sinc that this makes rings at sharp borders (Gibbs). Rows add up to 1, and reach over eight lobes.
    """
    away = np.arange(points)[:, None] - np.arange(points)[None, :]
    kernel = np.sinc(kept * away) * np.clip(1.2 - np.abs(away) * kept / 8.0, 0.0, 1.0)
    matrix: Floats = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    return matrix


def echo_matrix(points: int, shifts: npt.ArrayLike, strengths: npt.ArrayLike) -> Floats:
    """Return the (points, points) matrix that adds copies shifted by whole points; what leaves comes in no more."""
    matrix = np.zeros((points, points), np.float32)
    for shift, strength in zip(np.ravel(shifts), np.ravel(strengths), strict=True):
        matrix += np.float32(strength) * np.eye(points, k=int(shift), dtype=np.float32)
    return matrix
