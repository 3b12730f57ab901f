"""Structural similarity in a mask: SSIM (Wang et al. 2004) and MS-SSIM (Wang, Simoncelli and Bovik 2003).

Two families. *Masked*: every local mean and variance is taken over the mask's voxels alone (normalised convolution),
so that nothing outside can raise or lower the figure. *Filled*: outside the mask both images get one value, as the
SynthRAD challenges do; windows at the border then see identical air, which raises the figure.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects, gaussian_filter, uniform_filter

from models.errors import InputError
from models.volumes import Array

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Filter = Callable[[Floats], Floats]

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first (Wang, Simoncelli and Bovik 2003)."""

_K1, _K2 = 0.01, 0.03
_SIGMA, _RADIUS = 1.5, 5
_UNIFORM = 7
_EDGE = _UNIFORM // 2
_LEAST_SYNTHRAD = 97


def ssim_masked(truth: Array, prediction: Array, body: Mask, data_range: float) -> float:
    """Return the mean over `body` of SSIM with an 11-voxel Gaussian window (sigma 1.5) of `body`'s voxels alone."""
    true, ours, inside = _cropped(truth, prediction, body)
    luminance, structure = _masked_maps(true, ours, inside, data_range)
    return float((luminance * structure)[inside].mean())


def ms_ssim_masked(truth: Array, prediction: Array, body: Mask, data_range: float) -> float | None:
    """Return MS-SSIM as published, of `body`'s voxels alone: luminance at the coarsest of five scales only.

    Each scale's mean over the mask is raised to its exponent; a mean below 0 counts as 0. A coarser voxel is the mean
    of the mask's voxels among its 2x2x2, and lies in the mask if there is one. None where an axis of the body's
    bounding box has fewer than 16 voxels: there is no fifth scale.
    """
    true, ours, inside = _cropped(truth, prediction, body)
    if min(true.shape) < 2 ** (len(WEIGHTS) - 1):
        return None
    result = 1.0
    for level, weight in enumerate(WEIGHTS):
        luminance, structure = _masked_maps(true, ours, inside, data_range)
        last = level == len(WEIGHTS) - 1
        mean = float((luminance * structure if last else structure)[inside].mean())
        result *= max(mean, 0.0) ** weight
        if not last:
            true, ours, inside = _halved(true, ours, inside)
    return result


def ssim_synthrad2023(truth: Array, prediction: Array, body: Mask, lowest: float, highest: float) -> float:
    """Return SSIM as the SynthRAD2023 challenge computes it.

    Clipped to the range and shifted by its lower end, 0 outside the mask; a uniform window of 7^3 with the sample
    covariance; mean over the mask without the three outermost voxels of the image.

    Raises
    ------
    InputError
        If an axis has fewer than 7 voxels, or no voxel of the mask is left (``image-too-small``).
    """
    true, ours = _filled(truth, prediction, body, lowest, highest)
    luminance, contrast, structure = _uniform_maps(true, ours, highest - lowest)
    return _inner_mean(luminance * contrast * structure, body)


def ms_ssim_synthrad2025(truth: Array, prediction: Array, body: Mask, lowest: float, highest: float) -> float:
    """Return MS-SSIM as the SynthRAD2025 challenge computes it.

    It differs from the published measure: luminance enters at each scale with that scale's exponent, exponents are
    applied voxel by voxel before the mean, negative terms are 0, windows are uniform, and coarser scales take the mean
    of a voxel and its predecessors (with zeros before the first), the mask every other voxel. Images of fewer than 97
    voxels along an axis are continued by their edges.

    Raises
    ------
    InputError
        If no voxel of the mask is left at a scale (``image-too-small``).
    """
    true, ours = _filled(truth, prediction, body, lowest, highest)
    missing = [max(0, _LEAST_SYNTHRAD - length) for length in true.shape]
    margins = [(count // 2, count - count // 2) for count in missing]
    true, ours = np.pad(true, margins, mode="edge"), np.pad(ours, margins, mode="edge")
    inside = np.pad(body, margins, mode="edge")
    result = 1.0
    for weight in WEIGHTS:
        terms = _uniform_maps(true, ours, highest - lowest)
        level = np.prod([np.clip(term, 0.0, None) ** weight for term in terms], axis=0)
        result *= float(np.clip(_inner_mean(level, inside), 0.0, 1.0))
        true, ours = _with_predecessors(true), _with_predecessors(ours)
        inside = inside[::2, ::2, ::2]
    return result


def _cropped(truth: Array, prediction: Array, body: Mask) -> tuple[Floats, Floats, Mask]:
    # Nothing outside the mask counts, so nothing outside its box need be filtered.
    box = find_objects(body.astype(np.int8))[0]
    assert box is not None, "an empty mask is refused before"
    inside = body[box]
    true, ours = (np.where(inside, values[box], 0.0).astype(np.float64) for values in (truth, prediction))
    return true, ours, inside


def _masked_maps(true: Floats, ours: Floats, inside: Mask, data_range: float) -> tuple[Floats, Floats]:
    """Return luminance and contrast-structure; outside the mask the maps mean nothing."""
    weight = _gaussian(inside.astype(np.float64))
    weight[~inside] = 1.0

    def local(values: Floats) -> Floats:
        smooth: Floats = _gaussian(np.where(inside, values, 0.0)) / weight
        return smooth

    luminance, variances, covariance = _moments(true, ours, local, 1.0, data_range)
    c2 = (_K2 * data_range) ** 2
    structure: Floats = (2 * covariance + c2) / (variances[0] + variances[1] + c2)
    return luminance, structure


def _uniform_maps(true: Floats, ours: Floats, data_range: float) -> tuple[Floats, Floats, Floats]:
    """Return luminance, contrast and structure."""
    count = _UNIFORM**3

    def local(values: Floats) -> Floats:
        smooth: Floats = uniform_filter(values, _UNIFORM)
        return smooth

    luminance, variances, covariance = _moments(true, ours, local, count / (count - 1), data_range)
    # Rounding can leave a variance of a flat window a little below 0.
    one, other = (np.sqrt(np.clip(variance, 0.0, None)) for variance in variances)
    c2 = (_K2 * data_range) ** 2
    contrast: Floats = (2 * one * other + c2) / (variances[0] + variances[1] + c2)
    structure: Floats = (covariance + c2 / 2) / (one * other + c2 / 2)
    return luminance, contrast, structure


def _moments(
    true: Floats, ours: Floats, local: Filter, correction: float, data_range: float
) -> tuple[Floats, tuple[Floats, Floats], Floats]:
    mean, our_mean = local(true), local(ours)
    c1 = (_K1 * data_range) ** 2
    luminance: Floats = (2 * mean * our_mean + c1) / (mean**2 + our_mean**2 + c1)
    variance: Floats = correction * (local(true * true) - mean**2)
    our_variance: Floats = correction * (local(ours * ours) - our_mean**2)
    covariance: Floats = correction * (local(true * ours) - mean * our_mean)
    return luminance, (variance, our_variance), covariance


def _gaussian(values: Floats) -> Floats:
    smooth: Floats = gaussian_filter(values, _SIGMA, radius=_RADIUS, mode="constant")
    return smooth


def _halved(true: Floats, ours: Floats, inside: Mask) -> tuple[Floats, Floats, Mask]:
    """Return both images and the mask at half the sampling, each coarse voxel the mean of the mask's voxels in it."""
    margins = [(0, length % 2) for length in inside.shape]
    share = _cells(np.pad(inside.astype(np.float64), margins))
    coarse = share > 0
    halves = (_cells(np.pad(np.where(inside, values, 0.0), margins)) for values in (true, ours))
    one, other = (np.divide(half, share, out=np.zeros_like(half), where=coarse) for half in halves)
    return one, other, coarse


def _cells(values: Floats) -> Floats:
    k, j, i = (length // 2 for length in values.shape)
    mean: Floats = values.reshape(k, 2, j, 2, i, 2).mean(axis=(1, 3, 5))
    return mean


def _filled(truth: Array, prediction: Array, body: Mask, lowest: float, highest: float) -> tuple[Floats, Floats]:
    one, other = (
        np.where(body, np.clip(values.astype(np.float64), lowest, highest) - lowest, 0.0)
        for values in (truth, prediction)
    )
    return one, other


def _inner_mean(values: Floats, inside: Mask) -> float:
    inner = (slice(_EDGE, -_EDGE),) * 3
    if min(values.shape) < _UNIFORM or not inside[inner].any():
        raise InputError(
            "image-too-small", shape=str(values.shape), accepted="7 voxels along each axis, and body inside the rim"
        )
    return float(values[inner][inside[inner]].mean())


def _with_predecessors(values: Floats) -> Floats:
    for axis in range(3):
        even = values.take(range(0, values.shape[axis], 2), axis)
        before = np.roll(values, 1, axis).take(range(0, values.shape[axis], 2), axis)
        # np.roll brings the last voxel before the first; there a zero belongs.
        np.moveaxis(before, axis, 0)[0] = 0.0
        values = (even + before) / 2
    return values
