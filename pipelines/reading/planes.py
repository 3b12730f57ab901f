"""The plane that each instance states, and the even stack of planes that a volume needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.volumes import Grid, Triple
from pipelines.errors import UnreadableSeries
from pipelines.headers.orientation import SAME_ORIENTATION, nearest_orthonormal, orthonormal_axes
from pipelines.reading.attributes import numbers, required

POSITION_TOLERANCE_MM = 0.05
"""How far a slice may lie from its even place. Scanners round positions to 0.01 mm at the coarsest that we met."""

STEEPEST_TILT = 35.0
"""Degrees; gantries tilt by up to 30."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Where one image lies (PS3.3 C.7.6.2).

    Attributes
    ----------
    position
        Centre of the first pixel, mm, LPS.
    row, column
        Unit vectors along a row (growing column index) and along a column (growing row index), orthogonal to each
        other: the nearest such to what was stated.
    spacing
        Millimetres between columns, then between rows.
    """

    position: Vector
    row: Vector
    column: Vector
    spacing: tuple[float, float]

    @staticmethod
    def of(dataset: Dataset) -> Plane:
        """Read the plane of a classic single-frame image.

        Raises
        ------
        UnreadableSeries
            ``attribute-missing`` or ``attribute-malformed``; ``orientation-invalid`` when the direction cosines are
            not orthogonal unit vectors but for rounding to three decimals.
        """
        cosines = numbers(dataset, "ImageOrientationPatient", 6)
        axes = orthonormal_axes(cosines)
        if axes is None:
            raise UnreadableSeries(
                "orientation-invalid",
                instance=str(required(dataset, "SOPInstanceUID")),
                found="\\".join(f"{value:g}" for value in cosines),
            )
        between_rows, between_columns = numbers(dataset, "PixelSpacing", 2)
        if min(between_rows, between_columns) <= 0:
            raise UnreadableSeries(
                "attribute-malformed",
                attribute="PixelSpacing",
                instance=str(required(dataset, "SOPInstanceUID")),
                found=f"{between_rows:g}\\{between_columns:g}",
                expected="two numbers above 0",
            )
        position = np.array(numbers(dataset, "ImagePositionPatient", 3))
        return Plane(position, axes[0], axes[1], (between_columns, between_rows))

    @property
    def normal(self) -> Vector:
        """Unit vector that completes row and column to a right-handed frame."""
        normal: Vector = np.cross(self.row, self.column)
        return normal / np.linalg.norm(normal)

    @property
    def height(self) -> float:
        """Distance of the plane from the frame's origin along its normal, mm."""
        return float(self.position @ self.normal)


@dataclass(frozen=True, slots=True)
class Stack:
    """An even stack of planes.

    Attributes
    ----------
    grid
        Upright: its k axis is the planes' normal, its origin the first plane's.
    lean
        How far each plane lies from its place in `grid` per step along k, mm along a row and along a column: not 0
        where the gantry was tilted.
    """

    grid: Grid
    lean: tuple[float, float] = (0.0, 0.0)

    @property
    def tilt_degrees(self) -> float:
        """Angle between the planes' normal and the line along which they lie; 0 for an upright stack."""
        return math.degrees(math.atan2(math.hypot(*self.lean), self.grid.spacing[2]))


def stacked(planes: Sequence[Plane], rows: int, columns: int) -> Stack:
    """Return the stack of parallel `planes`, sorted by height, after proving that they are evenly spaced.

    Positions are far more exact than rounded cosines, so of an upright stack the slices' direction is the one from the
    first position to the last, and row and column are turned to stand upright on it.

    Raises
    ------
    UnreadableSeries
        ``single-slice``, ``slice-doubled``, ``slices-missing`` or ``spacing-uneven``, which name the position (mm along
        the normal), what was found and what was expected; ``slices-sheared`` where planes lean by more than a gantry.
    """
    if len(planes) < 2:
        raise UnreadableSeries("single-slice", found=len(planes), expected=2)
    first, last = planes[0], planes[-1]
    heights = np.array([float(plane.position @ first.normal) for plane in planes])
    _check_even(heights)
    step = (last.position - first.position) / (len(planes) - 1)
    _check_in_line(planes, step)
    in_plane = np.stack([first.row, first.column])
    size = (columns, rows, len(planes))
    if _is_sheared(first, step, len(planes)):
        spacing = float(step @ first.normal)
        direction = (_triple(first.row), _triple(first.column), _triple(first.normal))
        grid = Grid(size, (*first.spacing, spacing), _triple(first.position), direction)
        along_row, along_column = (float(step @ axis) for axis in in_plane)
        stack = Stack(grid, (along_row, along_column))
        if stack.tilt_degrees > STEEPEST_TILT:
            raise UnreadableSeries("slices-sheared", found=round(stack.tilt_degrees, 2), expected=STEEPEST_TILT)
        return stack
    spacing = float(np.linalg.norm(step))
    normal = step / spacing
    row, column = nearest_orthonormal(in_plane - np.outer(in_plane @ normal, normal))
    direction = (_triple(row), _triple(column), _triple(normal))
    return Stack(Grid(size, (*first.spacing, spacing), _triple(first.position), direction))


def _check_even(heights: Vector) -> None:
    gaps = np.diff(heights)
    if gaps.min() < POSITION_TOLERANCE_MM:
        position = float(heights[int(gaps.argmin())])
        raise UnreadableSeries("slice-doubled", position=round(position, 3), found=2, expected=1)
    step = float(np.median(gaps))
    # A gap of k steps drifts by up to twice the tolerance, once for each of its two slices.
    uneven = np.abs(gaps - step) > 2 * POSITION_TOLERANCE_MM
    if uneven.any():
        at = int(np.flatnonzero(uneven)[0])
        _check_no_gap(heights, at, step, gaps)
    even = np.linspace(heights[0], heights[-1], len(heights))
    off = np.abs(heights - even)
    if off.max() > POSITION_TOLERANCE_MM:
        worst = int(off.argmax())
        raise UnreadableSeries(
            "spacing-uneven",
            position=round(float(heights[worst]), 3),
            found=round(float(heights[worst]), 3),
            expected=round(float(even[worst]), 3),
        )


def _check_no_gap(heights: Vector, at: int, step: float, gaps: Vector) -> None:
    steps = gaps / step
    whole = np.abs(steps - np.round(steps)) * step <= 2 * POSITION_TOLERANCE_MM
    if whole.all():
        lost = int(np.round(steps).sum()) - len(gaps)
        raise UnreadableSeries(
            "slices-missing",
            position=round(float(heights[at]) + step, 3),
            missing=lost,
            found=len(heights),
            expected=len(heights) + lost,
        )
    raise UnreadableSeries(
        "spacing-uneven",
        position=round(float(heights[at]), 3),
        found=round(float(gaps[at]), 3),
        expected=round(step, 3),
    )


def _is_sheared(first: Plane, step: Vector, count: int) -> bool:
    """Return whether planes lean by more than rounding: a gantry's least tilt is ten times what rounded cosines do."""
    sideways = float(np.linalg.norm(step - (step @ first.normal) * first.normal)) * (count - 1)
    length = float(np.linalg.norm(step)) * (count - 1)
    return sideways > POSITION_TOLERANCE_MM + SAME_ORIENTATION * length


def _check_in_line(planes: Sequence[Plane], step: Vector) -> None:
    places = np.array([plane.position for plane in planes])
    even = planes[0].position + np.outer(np.arange(len(planes)), step)
    off = np.linalg.norm(places - even, axis=1)
    if off.max() > POSITION_TOLERANCE_MM:
        worst = int(off.argmax())
        raise UnreadableSeries(
            "spacing-uneven",
            position=round(planes[worst].height, 3),
            found=round(float(off[worst]), 3),
            expected=POSITION_TOLERANCE_MM,
        )


def _triple(vector: Vector) -> Triple:
    x, y, z = (float(value) for value in vector)
    return x, y, z
