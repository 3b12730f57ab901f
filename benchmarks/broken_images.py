"""Images and results broken on purpose, each in one way: what the checks of a synthetic CT are tried on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.anatomy.phantoms import head_labels, head_phantom
from models.sequences import SpinEcho
from models.tissues import Tissue
from models.volumes import Grid, Volume

Values = npt.NDArray[np.float32]

_STORED_BITS = 12
_BRIGHTEST = 1600.0
"""As scanners scale: well inside 12 bits, so that a shift by four bits loses the upper ones."""


def interleaved(mr: Volume, seed: int) -> Volume:
    """Every other slice from a second acquisition with the contrast of a T2 spin echo, as in a series of two echoes."""
    values = mr.values.copy()
    second = head_phantom(mr.grid, seed, SpinEcho(tr=5000.0, te=95.0)).mr.values
    values[1::2] = second[1::2]
    return Volume(values, mr.grid)


def wrapped(mr: Volume, seed: int) -> Volume:
    """Twelve bits stored left-justified and read as if they stood right: the upper four are lost."""
    stored = np.rint(mr.values * (_BRIGHTEST / float(np.percentile(mr.values, 99)))).astype(np.int64)
    top = 1 << _STORED_BITS
    return Volume(((np.clip(stored, 0, top - 1) << 4) % top).astype(np.float32), mr.grid)


def shuffled(mr: Volume, seed: int) -> Volume:
    """The slices in no order: positions that belong to other slices."""
    order = np.random.default_rng(seed).permutation(mr.values.shape[0])
    return Volume(mr.values[order], mr.grid)


def metal_void(mr: Volume, seed: int) -> Volume:
    """No signal within 3 cm of a clip beside the middle, and a bright rim where the signal piles up."""
    distance = np.linalg.norm(_positions(mr.grid) - np.array([45.0, -30.0, 30.0]), axis=-1)
    values = np.where(distance < 30.0, 0.02, 1.0) * mr.values
    values[(distance >= 30.0) & (distance < 33.0) & (mr.values > 0.1 * mr.values.max())] *= 2.0
    return Volume(values.astype(np.float32), mr.grid)


def cut_field(mr: Volume, seed: int) -> Volume:
    """A field that ends 4 cm left of the middle."""
    keep = round(mr.grid.size[2] * 0.7)
    i, j, _ = mr.grid.size
    return Volume(mr.values[:keep].copy(), replace(mr.grid, size=(i, j, keep)))


def stripped_skull(mr: Volume, seed: int) -> Volume:
    """The brain alone, as tools for research leave it."""
    brain = np.isin(
        head_labels(mr.grid, seed).values, [Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY, Tissue.CSF, Tissue.LESION]
    )
    return Volume(np.where(brain, mr.values, 0.0).astype(np.float32), mr.grid)


def bright_vessels(mr: Volume, seed: int) -> Volume:
    """Vessels and mucosa three times as bright as any tissue, as after contrast agent."""
    labels = head_labels(mr.grid, seed).values
    values = mr.values.copy()
    values[np.isin(labels, [Tissue.BLOOD, Tissue.MUCOSA])] = 3.0 * float(np.percentile(mr.values, 99))
    rng = np.random.default_rng(seed)
    vessels = ndimage.gaussian_filter(rng.standard_normal(mr.values.shape), 3.0)
    brain = np.isin(labels, [Tissue.WHITE, Tissue.GREY])
    values[brain & (vessels > np.percentile(vessels, 97))] = 2.0 * float(np.percentile(mr.values, 99))
    return Volume(values, mr.grid)


def ghosts(mr: Volume, seed: int) -> Volume:
    """Motion: a copy with 35% of the signal, shifted along the phase by a third of the field, and blur of 3 mm."""
    moved = np.roll(mr.values, mr.values.shape[1] // 3, axis=1)
    blurred = ndimage.gaussian_filter(mr.values, [3.0 / step for step in reversed(mr.grid.spacing)])
    return Volume((0.8 * blurred + 0.35 * moved).astype(np.float32), mr.grid)


def limb(mr: Volume, seed: int) -> Volume:
    """Another part of the body: a thigh with fat, muscle and one bone, in the same field."""
    x, y, _ = np.moveaxis(_positions(mr.grid), -1, 0)
    radius = np.hypot(x, y)
    values = np.select([radius < 8, radius < 16, radius < 62, radius < 78], [900.0, 40.0, 350.0, 950.0], 0.0)
    rng = np.random.default_rng(seed)
    noisy = np.hypot(values + rng.normal(0, 20, values.shape), rng.normal(0, 20, values.shape))
    return Volume(noisy.astype(np.float32), mr.grid)


def wrong_scale(mr: Volume, seed: int) -> Volume:
    """Slices that are said to stand 1.5 times as far apart as they did."""
    i, j, k = mr.grid.spacing
    return Volume(mr.values, replace(mr.grid, spacing=(i, j, 1.5 * k)))


def mirrored(hu: Values, seed: int) -> Values:
    """Left for right about the middle of the body."""
    columns = np.flatnonzero((hu > -350).any(axis=(0, 1)))
    return np.roll(hu[:, :, ::-1], int(columns[0] + columns[-1]) - (hu.shape[2] - 1), axis=2)


def moved(hu: Values, seed: int) -> Values:
    """Everything 6 voxels further to the back."""
    return np.roll(hu, 6, axis=1)


def no_skull(hu: Values, seed: int) -> Values:
    """Water in place of all bone above the middle."""
    middle = hu.shape[0] // 2
    values = hu.copy()
    values[middle:][values[middle:] > 150] = 40.0
    return values


def hole_in_skull(hu: Values, seed: int) -> Values:
    """Water in place of bone on one side."""
    middle = hu.shape[2] // 2
    values = hu.copy()
    values[:, :, middle:][values[:, :, middle:] > 150] = 40.0
    return values


IMAGES: Mapping[str, Callable[[Volume, int], Volume]] = MappingProxyType(
    {
        "interleaved acquisitions": interleaved,
        "wrapped pixels": wrapped,
        "shuffled slices": shuffled,
        "metal void": metal_void,
        "cut field of view": cut_field,
        "stripped skull": stripped_skull,
        "bright vessels": bright_vessels,
        "motion": ghosts,
        "another body part": limb,
        "wrong scale": wrong_scale,
    }
)
"""Ways of breaking the MR, by name."""

RESULTS: Mapping[str, Callable[[Values, int], Values]] = MappingProxyType(
    {
        "result mirrored": mirrored,
        "result moved": moved,
        "result without a skull cap": no_skull,
        "result with half a skull": hole_in_skull,
    }
)
"""Ways of breaking what the model gave, by name; the MR is sound."""


def _positions(grid: Grid) -> npt.NDArray[np.float64]:
    k, j, i = np.indices(grid.shape, dtype=np.float64)
    placed: npt.NDArray[np.float64] = np.stack([i, j, k, np.ones_like(i)], axis=-1) @ grid.affine.T
    return placed[..., :3]
