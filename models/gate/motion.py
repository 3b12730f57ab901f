"""How far a patient moved between two images that share a frame of reference."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
import SimpleITK

from models.pairs.itk import image_of, isotropic, one_thread, resampled
from models.volumes import Volume

_LEVELS_MM = (6.0, 3.0)
_BINS = 32
_SHARE = 0.3
_SEED = 20260101
_ITERATIONS = 60
_RELAXED = 0.8
_REACH_MM = 60.0
"""Motion is measured at the corners of a cube of twice this width about the middle of both fields: a head's size."""

_LEAST_OVERLAP = 0.05


@dataclass(frozen=True, slots=True)
class Motion:
    """What a rigid registration found between two images.

    Attributes
    ----------
    largest_mm
        The farthest that a point within 60 mm of the middle along each axis moved.
    shift_mm
        How far the middle moved along x, y, z (LPS).
    turn_degrees
        Angle of the rotation.
    """

    largest_mm: float
    shift_mm: tuple[float, float, float]
    turn_degrees: float


def residual_motion(fixed: Volume, moving: Volume) -> Motion | None:
    """Measure the rigid motion from `fixed` to `moving` as their frame of reference places them.

    Mattes mutual information (Mattes 2003), so the contrasts may differ, from the headers' placement, on voxels of 6
    and then 3 mm. One thread: the same images give the same motion.

    Parameters
    ----------
    fixed, moving
        Of one patient in one frame of reference, any grids.

    Returns
    -------
    The motion; None where the fields hardly overlap, or one of them shows nothing.
    """
    middle = _middle_of_overlap(fixed, moving)
    if middle is None or not (np.ptp(fixed.values) > 0 and np.ptp(moving.values) > 0):
        return None
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter(middle.tolist())
    with one_thread():
        finest = _coarse(fixed, _LEVELS_MM[-1]), _coarse(moving, _LEVELS_MM[-1])
        for mm in _LEVELS_MM:
            try:
                transform = _refined(_coarse(finest[0], mm), _coarse(finest[1], mm), transform, mm)
            except RuntimeError:  # nothing overlaps on the way: no motion can be measured
                return None
    corners = [middle + _REACH_MM * np.array(signs) for signs in product((-1.0, 1.0), repeat=3)]
    largest = max(float(np.linalg.norm(_moved(transform, corner) - corner)) for corner in (*corners, middle))
    turned = np.asarray(transform.GetMatrix()).reshape(3, 3)
    angle = float(np.degrees(np.arccos(np.clip((np.trace(turned) - 1) / 2, -1.0, 1.0))))
    x, y, z = (float(value) for value in _moved(transform, middle) - middle)
    return Motion(largest, (x, y, z), angle)


def _refined(fixed: Volume, moving: Volume, start: SimpleITK.Euler3DTransform, mm: float) -> SimpleITK.Euler3DTransform:
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(_SHARE, _SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(mm / 3, 0.01, _ITERATIONS, _RELAXED, 1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    moved = SimpleITK.Euler3DTransform(start)
    method.SetInitialTransform(moved, True)
    method.Execute(image_of(fixed), image_of(moving))
    return moved


def _coarse(volume: Volume, mm: float) -> Volume:
    return resampled(volume, isotropic(volume.grid, mm), SimpleITK.Transform(3, SimpleITK.sitkIdentity), 0.0)


def _middle_of_overlap(fixed: Volume, moving: Volume) -> npt.NDArray[np.float64] | None:
    """Return the middle of those points of `fixed`, about every tenth along an axis, that lie in the other's field."""
    places = [np.linspace(0, count - 1, 12) for count in fixed.grid.size]
    indices = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1).reshape(-1, 3)
    points = indices @ fixed.grid.affine[:3, :3].T + fixed.grid.affine[:3, 3]
    inverse = np.linalg.inv(moving.grid.affine)
    there = points @ inverse[:3, :3].T + inverse[:3, 3]
    inside = np.all((there >= -0.5) & (there <= np.array(moving.grid.size) - 0.5), axis=1)
    if inside.mean() < _LEAST_OVERLAP:
        return None
    middle: npt.NDArray[np.float64] = points[inside].mean(axis=0)
    return middle


def _moved(transform: SimpleITK.Euler3DTransform, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(transform.TransformPoint(point.tolist()))
