"""What is measured on a result: volumes of its regions, and how values are distributed in its tissues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.sr.coding import Code

from models.volumes import Grid, Volume
from pipelines.objects.codes import HOUNSFIELD_UNIT
from pipelines.objects.rtstruct import Roi

_STEP = 20.0
_RANGE = (-1024.0, 3072.0)


@dataclass(frozen=True, slots=True)
class RegionVolume:
    """The volume of one region: voxels of its mask times the size of a voxel.

    Attributes
    ----------
    name
        Of the region, as in the structure set.
    code
        What it is.
    millilitres
        Its volume, mL.
    """

    name: str
    code: Code
    millilitres: float


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """How values are distributed in one tissue.

    Attributes
    ----------
    tissue
        Its name, e.g. ``bone``.
    edges
        Of the bins, n + 1 values in `unit`.
    counts
        Voxels by bin, n.
    mean, deviation
        Of all values, in `unit`.
    unit
        UCUM code of the values.
    """

    tissue: str
    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    mean: float
    deviation: float
    unit: Code


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that was measured on one result."""

    regions: tuple[RegionVolume, ...] = ()
    distributions: tuple[Distribution, ...] = ()


def region_volumes(rois: Sequence[Roi], grid: Grid) -> tuple[RegionVolume, ...]:
    """Return the volumes of regions whose masks stand on `grid`."""
    voxel_ml = float(np.prod(grid.spacing)) / 1000
    return tuple(RegionVolume(roi.name, roi.code, np.count_nonzero(roi.mask) * voxel_ml) for roi in rois)


def hu_distributions(hu: Volume, tissues: Mapping[str, npt.NDArray[np.bool_]]) -> tuple[Distribution, ...]:
    """Return how HU are distributed in each tissue, in bins of 20 HU; a tissue without voxels is left out."""
    bins = np.arange(_RANGE[0], _RANGE[1] + _STEP, _STEP)
    return tuple(
        _distribution(name, hu.values[mask].astype(np.float64), bins) for name, mask in tissues.items() if mask.any()
    )


def _distribution(tissue: str, values: npt.NDArray[np.float64], bins: npt.NDArray[np.float64]) -> Distribution:
    counts, edges = np.histogram(np.clip(values, bins[0], bins[-1]), bins)
    return Distribution(tissue, edges, counts, float(values.mean()), float(values.std()), HOUNSFIELD_UNIT)
