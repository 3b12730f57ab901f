"""Volumes as SimpleITK images and back: both are in LPS, so nothing is turned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt

import numpy as np
import SimpleITK

from models.volumes import Grid, Triple, Volume

_FWHM = 2.3548
"""Full width at half maximum of a Gaussian, in standard deviations."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Let SimpleITK use one thread: sums by several come in another order each time, and results drift apart."""
    process = SimpleITK.ProcessObject
    before = process.GetGlobalDefaultNumberOfThreads()
    process.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        process.SetGlobalDefaultNumberOfThreads(before)


def image_of(volume: Volume) -> SimpleITK.Image:
    """Return a volume as an image: float32, or uint8 for a mask."""
    values = volume.values
    image = SimpleITK.GetImageFromArray(values.astype(np.uint8 if values.dtype == bool else np.float32))
    image.SetSpacing(volume.grid.spacing)
    image.SetOrigin(volume.grid.origin)
    image.SetDirection([float(value) for value in np.asarray(volume.grid.direction).T.ravel()])
    return image


def resampled(volume: Volume, target: Grid, transform: SimpleITK.Transform, outside: float, threads: int = 1) -> Volume:
    """Return `volume` on `target`, trilinear; `transform` maps points of `target` to points of the volume, in mm.

    Where the target samples more coarsely than the volume does, the volume is first blurred by the Gaussian that turns
    its voxel's width into the target's (directions are taken to be alike to within the rotation that was found).
    """
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetNumberOfThreads(threads)
    resampler.SetSize(target.size)
    resampler.SetOutputSpacing(target.spacing)
    resampler.SetOutputOrigin(target.origin)
    resampler.SetOutputDirection([float(value) for value in np.asarray(target.direction).T.ravel()])
    resampler.SetTransform(transform)
    resampler.SetInterpolator(SimpleITK.sitkLinear)
    resampler.SetDefaultPixelValue(outside)
    moved = resampler.Execute(_blurred(volume, target))
    return Volume(SimpleITK.GetArrayFromImage(moved).astype(np.float32), target)


def field_of(volume: Volume, target: Grid, transform: SimpleITK.Transform, threads: int = 1) -> Volume:
    """Return which voxels of `target` lie in the volume's field after `transform`, as a mask."""
    seen = resampled(Volume(np.ones(volume.grid.shape, np.float32), volume.grid), target, transform, 0.0, threads)
    return Volume(seen.values > 0.5, target)


def isotropic(grid: Grid, mm: float) -> Grid:
    """Return a grid over the same field, along the same axes, with voxels of at least `mm`."""
    spacing = np.maximum(grid.spacing, mm)
    size = np.maximum(1, np.floor((np.asarray(grid.size) - 1) * grid.spacing / spacing + 1e-6).astype(int) + 1)
    # The field's middle stays where it is.
    rest = ((np.asarray(grid.size) - 1) * grid.spacing - (size - 1) * spacing) / 2
    origin = np.asarray(grid.origin) + rest @ np.asarray(grid.direction)
    i, j, k = (int(count) for count in size)
    return Grid((i, j, k), _triple(spacing), _triple(origin), grid.direction)


def _blurred(volume: Volume, target: Grid) -> SimpleITK.Image:
    image = image_of(volume)
    own, theirs = np.asarray(volume.grid.direction), np.asarray(target.direction)
    for axis in range(3):
        width = sqrt(float(np.sum(((theirs @ own[axis]) * target.spacing) ** 2)))
        missing = width**2 - volume.grid.spacing[axis] ** 2
        if missing > 0.05 and volume.grid.size[axis] > 4:
            gaussian = SimpleITK.RecursiveGaussianImageFilter()
            gaussian.SetNumberOfThreads(1)
            gaussian.SetDirection(axis)
            gaussian.SetSigma(sqrt(missing) / _FWHM)
            image = gaussian.Execute(image)
    return image


def _triple(vector: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Triple:
    x, y, z = (float(value) for value in vector)
    return x, y, z
