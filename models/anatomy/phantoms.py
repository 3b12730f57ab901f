"""The head phantom sampled on a grid: its MR by a pulse sequence, and its CT, which is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.anatomy.parametric.head import tissue_at
from models.errors import InputError
from models.sequences import InversionRecovery, Sequence, signals
from models.tissues import PROPERTIES, Tissue
from models.volumes import Grid, Volume

MPRAGE = InversionRecovery(tr=2300.0, te=3.0, ti=1350.0)
"""The T1 weighting that the phantom shows unless another sequence is asked for; times in ms.

The inversion time is an effective one: the many small excitations of a real MPRAGE leave cerebrospinal fluid dark, yet
not black, as the nominal time of about 1000 ms would.
"""

_BRIGHTEST = 1000.0
_POINT_SPREAD_MM = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class HeadPhantom:
    """The phantom on one grid.

    Attributes
    ----------
    mr
        float32 magnitude, brightest tissue about 1000, with bias field and Rician noise.
    ct
        float32 HU at the voxels' centres, without noise.
    labels
        uint8 `models.tissues.Tissue`.
    """

    mr: Volume
    ct: Volume
    labels: Volume


def head_phantom(
    grid: Grid, seed: int = 0, sequence: Sequence = MPRAGE, noise: float = 0.02, bias: float = 0.15
) -> HeadPhantom:
    """Sample the phantom on `grid`, which may be of any orientation.

    The origin lies near the middle of the brain; the neck goes on downwards.

    Parameters
    ----------
    seed
        Chooses noise and small irregularities. The same arguments give the same arrays.
    sequence
        Sets the contrast.
    noise
        Standard deviation of the complex noise, as a share of the brightest tissue.
    bias
        Largest deviation of the coil's sensitivity from 1, along the patient's axes.

    Raises
    ------
    InputError
        If `noise` or `bias` is negative, or `bias` is 1 or more.
    """
    if noise < 0 or not 0 <= bias < 1:
        raise InputError("phantom-options", noise=noise, bias=bias, accepted="noise of 0 or more, bias of 0 to below 1")
    labels = head_labels(grid, seed)
    return HeadPhantom(_mr(labels, seed, sequence, noise, bias), head_ct(labels), labels)


def head_labels(grid: Grid, seed: int = 0) -> Volume:
    """Return the phantom's `Tissue` values (uint8) at the centres of the voxels of `grid`."""
    out = np.empty(grid.shape, np.uint8)
    for k in range(grid.shape[0]):
        out[k] = tissue_at(_positions(grid, k), seed)
    return Volume(out, grid)


def head_ct(labels: Volume) -> Volume:
    """Return the phantom's CT in HU (float32) for its labels: each tissue has its mean CT number."""
    table = np.array([PROPERTIES[tissue].hu for tissue in Tissue], np.float32)
    return Volume(table[labels.values], labels.grid)


def _mr(labels: Volume, seed: int, sequence: Sequence, noise: float, bias: float) -> Volume:
    grid, by_tissue = labels.grid, signals(sequence)
    image = np.array([by_tissue[tissue] for tissue in Tissue], np.float32)[labels.values]
    image = ndimage.gaussian_filter(image, [_POINT_SPREAD_MM / step for step in reversed(grid.spacing)])
    for k in range(grid.shape[0]):
        image[k] *= _sensitivity(_positions(grid, k), bias)
    rng = np.random.default_rng([seed, 1])
    real = image + noise * rng.standard_normal(image.shape, dtype=np.float32)
    magnitude = np.hypot(real, noise * rng.standard_normal(image.shape, dtype=np.float32))
    return Volume((_BRIGHTEST * magnitude).astype(np.float32), grid)


def _positions(grid: Grid, k: int) -> npt.NDArray[np.float64]:
    """Return the LPS positions of slice k's voxel centres, shape (j, i, 3)."""
    matrix = grid.affine
    i, j = np.arange(grid.size[0])[None, :, None], np.arange(grid.size[1])[:, None, None]
    positions: npt.NDArray[np.float64] = matrix[:3, 3] + i * matrix[:3, 0] + j * matrix[:3, 1] + k * matrix[:3, 2]
    return positions


def _sensitivity(positions: npt.NDArray[np.float64], bias: float) -> npt.NDArray[np.float64]:
    # A head coil sees best at the back and less towards the neck.
    x, y, z = np.moveaxis(positions / 120.0, -1, 0)
    field: npt.NDArray[np.float64] = 1.0 + bias * np.tanh(0.6 * y + 0.5 * z + 0.3 * x * y)
    return field
