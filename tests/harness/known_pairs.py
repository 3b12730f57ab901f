"""Pairs that are small enough to be judged in a second, and a predictor that knows the answer but for a known error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from models.errors import InputError
from models.tissues import AIR_HU
from models.volumes import Array, Grid, Volume

GRID = Grid((20, 22, 18), (2.0, 2.0, 2.0), (-20.0, -22.0, -18.0))
NOT_FINITE = -5.0
"""An MR value that makes the stand-in predictor refuse."""


def head(seed: int) -> tuple[Array, Array]:
    """Return the CT and the body mask of a ball with a shell of bone and an air hole."""
    radius = np.linalg.norm((np.indices(GRID.shape).T - [8.5, 10.5, 9.5 + 0.3 * seed]) * 2.0, axis=-1).T
    ct = np.full(GRID.shape, AIR_HU, np.float32)
    for outer, hu in ((16.0, 40.0), (14.0, 900.0 + 10 * seed), (11.0, 30.0), (4.0, -900.0)):
        ct[radius < outer] = hu
    return ct, radius < 16.0


@dataclass(frozen=True)
class Answered:
    """As a `Prediction`, as far as a report looks at it."""

    synthetic: Volume
    uncertainty: Volume | None
    device: str = "stand-in"
    precision: str = "float32"


class Knowing:
    """Answers the CT behind the MR, too high by `bias` in bone, and says so in its scale."""

    def __init__(self, bias: float, scale: float | None = 30.0) -> None:
        self._bias, self._scale = bias, scale

    def predict(self, inputs: Mapping[str, Volume], target: Grid, progress: Callable[[float], None]) -> Answered:
        mr = inputs["mr"]
        assert np.allclose(mr.grid.affine, target.affine)
        assert mr.grid.size == target.size
        if (mr.values == NOT_FINITE).any():
            raise InputError("mr-refused", found="by the stand-in")
        ct = np.where(mr.values > 0, mr.values - 1100, AIR_HU)
        scale = None if self._scale is None else Volume(np.full(target.shape, self._scale, np.float32), target)
        return Answered(Volume(np.where(ct > 250, ct + self._bias, ct).astype(np.float32), target), scale)
