"""How a series lies in the patient, as its headers say it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.headers.header import Header
from pipelines.headers.orientation import SAME_ORIENTATION

_WITHIN_DEGREES = 30.0
_BY_AXIS = ("SAGITTAL", "CORONAL", "AXIAL")
_LEAST_STEP_MM = 0.001

PLANES = (*_BY_AXIS, "OBLIQUE")
"""What `plane` returns."""

EXTENT_FROM = ("ImageOrientationPatient", "SpacingBetweenSlices")
"""What the extent is read from, besides positions, in which slices differ by their nature."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Distance between neighbouring slices of a volume, and how far they reach along their normal, in mm."""

    spacing: float
    coverage: float


def is_axial(header: Header) -> bool | None:
    """Return whether the slices' normal is within 30 degrees of the patient's length (PS3.3 C.7.6.2.1.1)."""
    found = plane(header)
    return None if found is None else found == "AXIAL"


def plane(header: Header) -> str | None:
    """Return AXIAL, SAGITTAL or CORONAL where the slices' normal is within 30 degrees of that axis, else OBLIQUE."""
    normal = _normal(header)
    if normal is None:
        return None
    axis = int(np.argmax(np.abs(normal)))
    return _BY_AXIS[axis] if abs(normal[axis]) >= np.cos(np.deg2rad(_WITHIN_DEGREES)) else "OBLIQUE"


def extent(headers: Sequence[Header]) -> Extent | None:
    """Return how the slices of one volume lie, from Image Position (Patient), to a hundredth of a millimetre.

    Without positions, as the frames of an enhanced object are kept, Spacing Between Slices counts for each header.
    None where neither is there, where the slices are not parallel, and for a single slice.
    """
    positions = [header.numbers("ImagePositionPatient") for header in headers]
    if not any(positions):
        steps = {header.number("SpacingBetweenSlices") for header in headers}
        step = steps.pop() if len(steps) == 1 else None
        return None if step is None or step <= 0 or len(headers) < 2 else _rounded(step, step * len(headers))
    written = {repr(header.written("ImageOrientationPatient")): header for header in headers}
    orientations = {header.numbers("ImageOrientationPatient") for header in written.values()}
    normal = _normal(headers[0])
    if normal is None or any(len(one) != 3 for one in positions) or not _are_parallel(orientations):
        return None
    heights = np.unique(np.round(np.asarray(positions) @ normal / _LEAST_STEP_MM)) * _LEAST_STEP_MM
    if len(heights) < 2:
        return None
    step = float(np.median(np.diff(heights)))
    return _rounded(step, float(heights[-1] - heights[0]) + step)


def _rounded(spacing: float, coverage: float) -> Extent:
    # A spacing of 3 mm that positions in six decimals give as 3.0000004 is at most 3 to whoever writes rules.
    return Extent(round(spacing, 2), round(coverage, 2))


def _are_parallel(orientations: Collection[tuple[float, ...]]) -> bool:
    if any(len(one) != 6 for one in orientations):
        return False
    cosines = np.asarray(sorted(orientations))
    return bool(np.all(np.ptp(cosines, axis=0) <= SAME_ORIENTATION))


def _normal(header: Header) -> npt.NDArray[np.float64] | None:
    cosines = header.numbers("ImageOrientationPatient")
    if len(cosines) != 6 or max(map(abs, cosines)) > 1.5:
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if length < 0.5:
        return None
    unit: npt.NDArray[np.float64] = normal / length
    return unit
