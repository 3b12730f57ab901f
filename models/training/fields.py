"""Smooth random fields and operators along axes: everything is a small matrix applied along each axis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def spread_matrix(points: int, nodes: int) -> Floats:
    """Return the (points, nodes) matrix that spreads node values smoothly over evenly spaced points.

    Rows are normalised Gaussians of 0.6 node distances, so constants stay constant and no facets show.
    """
    at = np.linspace(0.0, nodes - 1.0, points)[:, None]
    weights = np.exp(-0.5 * ((at - np.arange(nodes)[None, :]) / 0.6) ** 2)
    rows: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
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


def along_axes(values: Floats, matrices: tuple[Floats, Floats, Floats]) -> Floats:
    """Return `values` [k, j, i] with one matrix applied along each axis."""
    first, second, third = matrices
    out = np.tensordot(first, values, axes=(1, 0))
    out = np.matmul(second, out)
    result: Floats = np.matmul(out, third.T)
    return result


def smooth_field(rng: np.random.Generator, points: int, node_distance: float) -> Floats:
    """Return a smooth random field of shape (points,)*3 with mean 0 and standard deviation about 1.

    Parameters
    ----------
    node_distance
        Distance between independent random values, in points.
    """
    nodes = max(2, round(points / node_distance) + 1)
    matrix = spread_matrix(points, nodes)
    field = along_axes(rng.standard_normal((nodes, nodes, nodes), dtype=np.float32), (matrix, matrix, matrix))
    # The matrix averages independent nodes; undo the loss of variance that this brings.
    field *= np.float32(np.mean((matrix**2).sum(axis=1)) ** -1.5)
    return field
