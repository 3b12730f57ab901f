"""What is judged: the package, and beside it two methods that know nothing of the image."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.inference import Predictor
from models.inference.resampling import resample
from models.packages import Card
from models.reports.cases import Case
from models.volumes import Array, Grid, Triple, Volume

AIR_HU = -1000.0
WATER_HU = 0.0
_BODY_ABOVE_HU = -500.0
"""What of a mean map is body: its bounding box is laid on that of the pair's mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a method says of a case, on the case's grid.

    Attributes
    ----------
    values
        HU, or labels.
    scale
        Predicted Laplace scale in HU; None where the method has none.
    seconds
        How long it took, resampling included.
    ran
        Device and precision, empty where nothing was computed.
    """

    values: Array
    scale: Array | None = None
    seconds: float = 0.0
    ran: str = ""


class Method(Protocol):
    """Something that turns a case's inputs into an answer."""

    name: str
    words: str

    def answer(self, case: Case) -> Answer:
        """Answer for one case; raises `InputError` where it refuses."""
        ...


class Model:
    """The package under evaluation."""

    name = "model"

    def __init__(self, card: Card, predictor: Predictor) -> None:
        self._card, self._predictor = card, predictor
        self.words = f"{card.name} {card.version}"

    def answer(self, case: Case) -> Answer:
        """Run the package on its working grid and bring the answer to the case's, by linear interpolation."""
        begun = monotonic()
        target = working_grid(case.grid, self._card.output.voxel_mm)
        found = self._predictor.predict(case.inputs, target, lambda _: None)
        outside = self._card.output.outside
        if self._card.output.modality == "SEG":
            values = _nearest_labels(found.synthetic, case.grid)
        else:
            values = _on(found.synthetic, case.grid, outside)
        scale = None if found.uncertainty is None else _on(found.uncertainty, case.grid, 0.0)
        return Answer(values, scale, monotonic() - begun, f"{found.device}, {found.precision}")


class AllWater:
    """Water wherever there is body."""

    name = "all-water"
    words = f"{WATER_HU:g} HU inside the body mask, {AIR_HU:g} HU outside"

    def answer(self, case: Case) -> Answer:
        """Fill the mask."""
        return Answer(np.where(case.body, WATER_HU, AIR_HU).astype(np.float32))


class MeanMap:
    """One mean CT for everybody, laid on the body mask by the centres of the bounding boxes.

    Raises
    ------
    InputError
        If the map has no body (``mean-map-empty``).
    """

    name = "mean-map"
    words = f"one mean CT, centres of the bounding boxes aligned, inside the body mask, {AIR_HU:g} HU outside"

    def __init__(self, mean: Volume) -> None:
        self._mean = mean
        self._centre = _box_centre(mean.values > _BODY_ABOVE_HU, mean.grid)

    def answer(self, case: Case) -> Answer:
        """Shift the map and cut it out by the mask; what the map does not reach is water."""
        shift = _box_centre(case.body, case.grid) - self._centre
        x, y, z = (float(value) for value in np.asarray(self._mean.grid.origin) + shift)
        grid = self._mean.grid
        moved = Volume(self._mean.values, Grid(grid.size, grid.spacing, (x, y, z), grid.direction))
        return Answer(np.where(case.body, _on(moved, case.grid, WATER_HU), AIR_HU).astype(np.float32))


def working_grid(field: Grid, voxel_mm: Triple) -> Grid:
    """Return an axial grid of `voxel_mm` that holds all voxel centres of `field`; `field` itself where it is one."""
    axial = np.allclose(field.direction, np.eye(3), atol=1e-6)
    if axial and np.allclose(field.spacing, voxel_mm, atol=1e-4):
        return Grid(field.size, voxel_mm, field.origin)
    last = [count - 1 for count in field.size]
    corners = np.array([[i, j, k, 1] for i in (0, last[0]) for j in (0, last[1]) for k in (0, last[2])])
    points = (corners @ field.affine.T)[:, :3]
    low, high = points.min(axis=0), points.max(axis=0)
    steps = np.ceil((high - low) / np.asarray(voxel_mm) - 1e-6).astype(int)
    # As much beyond the field at either end.
    x, y, z = (float(value) for value in (low + high - steps * np.asarray(voxel_mm)) / 2)
    return Grid((int(steps[0]) + 1, int(steps[1]) + 1, int(steps[2]) + 1), voxel_mm, (x, y, z))


def _on(volume: Volume, grid: Grid, outside: float) -> npt.NDArray[np.float32]:
    if volume.grid == grid:
        return np.asarray(volume.values, dtype=np.float32)
    moved, inside = resample(volume, grid)
    return np.where(inside, moved.values, np.float32(outside)).astype(np.float32)


def _nearest_labels(volume: Volume, grid: Grid) -> Array:
    if volume.grid == grid:
        return np.rint(volume.values).astype(np.int16)
    # Each label is interpolated as a share of the voxel and the largest share wins: names cannot be averaged.
    best = np.full(grid.shape, 0.5, np.float32)
    result = np.zeros(grid.shape, np.int16)
    for value in np.unique(np.rint(volume.values)).astype(int):
        if value == 0:
            continue
        share = _on(Volume((np.rint(volume.values) == value).astype(np.float32), volume.grid), grid, 0.0)
        result[share > best] = value
        best = np.maximum(best, share)
    return result


def _box_centre(mask: Array, grid: Grid) -> npt.NDArray[np.float64]:
    places = np.argwhere(mask)
    if not places.size:
        raise InputError("mean-map-empty", accepted=f"a CT in HU with body above {_BODY_ABOVE_HU:g} HU")
    middle = (places.min(axis=0) + places.max(axis=0))[::-1] / 2
    centre: npt.NDArray[np.float64] = (grid.affine @ [*middle, 1.0])[:3]
    return centre
