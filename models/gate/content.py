"""What an MR volume shows, as far as plain image measures tell: a body in air, scalp over skull over brain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.fov import contact_areas
from models.masks.body import mr_body
from models.masks.distance import distance_mm
from models.volumes import Grid, Volume

_COARSE_MM = 2.0
_TOP_MM = 80.0
_LAYER_MM = 2.0
_DEEPEST_MM = 20.0
_DARK = 0.35


@dataclass(frozen=True, slots=True)
class Content:
    """Measures of an MR volume.

    Attributes
    ----------
    body_cc
        Volume of the body in the field.
    body_share
        Share of the field that the body fills; near 1 when nothing stands out from the background, as in noise.
    skull_rise
        How much the share of dark voxels rises from the scalp to the skull below it, over the topmost 8 cm of the head;
        near 0 without a scalp over a skull. A voxel is dark below 0.35 of the body's median.
    cuts_cm2
        How much of each face of the field the body touches, by the patient's side that the face looks to, cm².
    """

    body_cc: float
    body_share: float
    skull_rise: float
    cuts_cm2: Mapping[str, float]


def measure(volume: Volume) -> Content:
    """Measure an MR volume on every second millimetre or so.

    Raises
    ------
    InputError
        ``body-not-found`` when the volume is empty.
    """
    coarse = _thinned_out(volume)
    body = mr_body(coarse, np.ones(coarse.grid.shape, dtype=bool))
    cc = float(body.sum() * np.prod(coarse.grid.spacing)) / 1000.0
    areas = contact_areas(coarse.grid, coarse.grid, body)
    return Content(
        body_cc=cc,
        body_share=float(body.mean()),
        skull_rise=_skull_rise(coarse, body),
        cuts_cm2={face.side: area for face, area in areas.items()},
    )


def _thinned_out(volume: Volume) -> Volume:
    grid = volume.grid
    step_i, step_j, step_k = (max(1, round(_COARSE_MM / spacing)) for spacing in grid.spacing)
    values = volume.values[::step_k, ::step_j, ::step_i]
    k, j, i = values.shape
    spacing = (grid.spacing[0] * step_i, grid.spacing[1] * step_j, grid.spacing[2] * step_k)
    return Volume(values, Grid((i, j, k), spacing, grid.origin, grid.direction))


def _skull_rise(volume: Volume, body: npt.NDArray[np.bool_]) -> float:
    if body.all():
        return 0.0  # without air there is no scalp to look under, and no distance to it
    dark = volume.values < _DARK * np.median(volume.values[body])
    heights = _heights(volume.grid)
    top = body & (heights > heights[body].max() - _TOP_MM)
    layer = (distance_mm(~body, volume.grid.spacing)[top] / _LAYER_MM).astype(int)
    counts = np.bincount(layer, minlength=2)
    shares = np.bincount(layer, weights=dark[top], minlength=2) / np.maximum(counts, 1)
    # The outermost layer is half air; below it a scalp is bright, and then a skull is dark.
    shares = shares[1 : int(_DEEPEST_MM / _LAYER_MM)]
    rises = shares - np.minimum.accumulate(shares)
    return float(rises.max(initial=0.0))


def _heights(grid: Grid) -> npt.NDArray[np.float64]:
    """Superior coordinate (z in LPS) of every voxel, mm, array of ``grid.shape``."""
    i, j, k = (np.arange(count) * step for count, step in zip(grid.size, grid.affine[2, :3], strict=True))
    heights: npt.NDArray[np.float64] = k[:, None, None] + j[None, :, None] + i[None, None, :] + grid.origin[2]
    return heights
