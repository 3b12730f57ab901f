"""Resampling on a CPU: OpenCV blurs and SimpleITK interpolates, on all cores and vectorised, which torch does not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import SimpleITK
import torch

from models.inference.gaussian import taps
from models.volumes import Grid, Volume

Floats = npt.NDArray[np.float32]

_ONE = np.ones(1, np.float32)


def interpolated(source: Volume, target: Grid, sigmas: tuple[float, float, float]) -> Floats:
    """Return `source`, blurred by `sigmas` voxels along i, j, k, at the voxels of `target`; undefined outside it."""
    values = _blurred(np.ascontiguousarray(source.values, dtype=np.float32), sigmas)
    image = SimpleITK.GetImageFromArray(values)
    _place(image, source.grid)
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetInterpolator(SimpleITK.sitkLinear)
    # A voxel that rounding puts a hair outside takes the nearest value instead of none.
    resampler.SetUseNearestNeighborExtrapolator(True)
    resampler.SetSize(target.size)
    resampler.SetOutputSpacing(target.spacing)
    resampler.SetOutputOrigin(target.origin)
    resampler.SetOutputDirection(_direction(target))
    resampler.SetNumberOfThreads(torch.get_num_threads())
    result: Floats = SimpleITK.GetArrayFromImage(resampler.Execute(image))
    return result


def _place(image: SimpleITK.Image, grid: Grid) -> None:
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(_direction(grid))


def _direction(grid: Grid) -> list[float]:
    flat: list[float] = np.asarray(grid.direction, dtype=float).T.ravel().tolist()
    return flat


def _blurred(values: Floats, sigmas: tuple[float, float, float]) -> Floats:
    along_i, along_j, along_k = (taps(sigma) for sigma in sigmas)
    if along_i is not None or along_j is not None:
        kernels = _ONE if along_i is None else along_i, _ONE if along_j is None else along_j
        values = np.stack([_filtered(plane, *kernels) for plane in values])
    if along_k is not None:
        flat = values.reshape(len(values), -1)
        values = _filtered(flat, _ONE, along_k).reshape(values.shape)
    return values


def _filtered(plane: Floats, along_columns: Floats, along_rows: Floats) -> Floats:
    result = np.empty_like(plane)
    cv2.sepFilter2D(plane, cv2.CV_32F, along_columns, along_rows, dst=result, borderType=cv2.BORDER_REPLICATE)
    return result
