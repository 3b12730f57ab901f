"""What is judged: the package, and beside it two methods that know nothing of the image."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.errors import InputError
from models.fov import axial_grid
from models.inference import Predictor
from models.inference.working_grid import labels_on, scales_on, values_on
from models.packages import Card
from models.quantities import Quantity
from models.reports.cases import Case, comparable
from models.tissues import AIR_HU
from models.volumes import Array, Grid, Volume

WATER_HU = 0.0
_BODY_ABOVE_HU = -500.0
"""What of a mean map is body: its bounding box is laid on that of the pair's mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a method says of a case, on the case's grid.

    Attributes
    ----------
    values
        HU, MR signal as the case's truth has it, or labels.
    scale
        Predicted Laplace scale in HU, NaN where none was predicted; None where the method has none.
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
        target = axial_grid(case.grid, self._card.output.voxel_mm)
        found = self._predictor.predict(case.inputs, target, lambda _: None)
        output = self._card.output
        if output.quantity is Quantity.LABEL:
            values: Array = labels_on(found.synthetic, case.grid).values.astype(np.int16)
        else:
            values = comparable(_on(found.synthetic, case.grid, output.outside), case.body, output.quantity)
        # Scales of MR signal stand in the network's unit, which its answer has left here.
        spread = found.uncertainty if output.quantity is Quantity.CT_NUMBER else None
        scale = None if spread is None else scales_on(spread, case.grid).values
        return Answer(values, scale, monotonic() - begun, f"{found.device}, {found.precision}")


class AllWater:
    """Water wherever there is body."""

    name = "all-water"
    words = f"{WATER_HU:g} HU inside the body mask, {AIR_HU:g} HU outside"

    def answer(self, case: Case) -> Answer:
        """Fill the mask."""
        return Answer(np.where(case.body, WATER_HU, AIR_HU).astype(np.float32))


class Flat:
    """The true image's own mean wherever there is body: no constant has a smaller squared error."""

    name = "flat"
    words = "the true image's own mean inside the body mask, 0 outside"

    def answer(self, case: Case) -> Answer:
        """Fill the mask."""
        return Answer(np.where(case.body, case.truth[case.body].mean(), 0.0).astype(np.float32))


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


def _on(volume: Volume, grid: Grid, outside: float) -> npt.NDArray[np.float32]:
    return np.asarray(values_on(volume, grid, outside).values, dtype=np.float32)


def _box_centre(mask: Array, grid: Grid) -> npt.NDArray[np.float64]:
    places = np.argwhere(mask)
    if not places.size:
        raise InputError("mean-map-empty", accepted=f"a CT in HU with body above {_BODY_ABOVE_HU:g} HU")
    middle = (places.min(axis=0) + places.max(axis=0))[::-1] / 2
    centre: npt.NDArray[np.float64] = (grid.affine @ [*middle, 1.0])[:3]
    return centre
