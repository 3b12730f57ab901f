"""Patches of cases with named images, as the network sees them: numbered, lightly varied, within the body."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from models.batches import Batch, joined
from models.inference.plan import Voxels

BODY = "body"
"""The mask of a batch."""

_ROTATION_DEGREES = 5.0
_SCALE = 0.05
_INTENSITY = 0.08

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Beside:
    """How many slices below and above a patch of one slice come with it, and of which images."""

    slices: int
    images: frozenset[str]


NONE_BESIDE = Beside(0, frozenset())


@dataclass(frozen=True, slots=True, eq=False)
class WorkingCase:
    """One case on the working grid, cut to the body mask with half a tile around it.

    Attributes
    ----------
    case
        Whose it is.
    images
        (k, j, i) by name: inputs normalised as the network sees them in use, targets in their own unit; float16, or
        float32 where float16 would not hold the values.
    outside
        Of each image, the value beyond it.
    varied
        Names of the images whose intensities vary by some percent from patch to patch: those in arbitrary units.
    labels
        Names of the images whose values are labels, which are never mixed.
    counted
        Of label maps in which not all was outlined, how much each label counts: see `Batch.weights`.
    mask
        (k, j, i) bool.
    centres
        (n, 3) int32 voxels k, j, i of the body.
    """

    case: str
    images: Mapping[str, Tensor]
    outside: Mapping[str, float]
    varied: frozenset[str]
    mask: Tensor
    centres: Tensor
    labels: frozenset[str] = frozenset()
    counted: Mapping[str, Tensor] = field(default_factory=dict)


def working_case(
    case: str,
    images: Mapping[str, Tensor],
    outside: Mapping[str, float],
    mask: Tensor,
    tile: Voxels,
    varied: frozenset[str],
    labels: frozenset[str] = frozenset(),
    exact: frozenset[str] = frozenset(),
    counted: Mapping[str, Tensor] = MappingProxyType({}),
) -> WorkingCase:
    """Return a case cut to its mask, which must have a voxel; images are (k, j, i) on one grid.

    Those of `exact` are kept as float32: float16 ends at 65504, which counts (Bq/mL, a label's number) go beyond.
    """
    box = _around(mask, tile)
    inner = mask[box].clone()
    return WorkingCase(
        case,
        MappingProxyType(
            {name: image[box].float().clone() if name in exact else image[box].half() for name, image in images.items()}
        ),
        MappingProxyType(dict(outside)),
        varied,
        inner,
        inner.nonzero().to(torch.int32).contiguous(),
        labels,
        counted,
    )


class Patches:
    """Endless patches of `cases`: patch number n is always the same.

    Each patient has the same chance, however many contrasts they have. A patch lies around a voxel of the body,
    mirrored or not (never where an image holds labels, which have a side), turned by at most 5 degrees, scaled by at
    most 5 %, and its intensities vary by some percent. A patch of one slice is turned in its plane alone, and comes as
    (h, w).

    Parameters
    ----------
    tile
        Shape (k, j, i) of a patch.
    voxel_mm
        Voxel spacing along x, y, z in mm.
    beside
        Of patches of one slice: which images come with their neighbours.
    """

    def __init__(
        self,
        cases: Sequence[WorkingCase],
        tile: Voxels,
        voxel_mm: tuple[float, float, float],
        seed: int,
        beside: Beside = NONE_BESIDE,
    ) -> None:
        by_case: dict[str, list[WorkingCase]] = defaultdict(list)
        for case in cases:
            by_case[case.case].append(case)
        self._cases, self._tile, self._seed = list(by_case.values()), tile, seed
        self._beside = beside
        self._millimetres = np.diag(voxel_mm[::-1])

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return the patches `numbers`."""
        return joined([self._one(number) for number in numbers])

    def _one(self, number: int) -> Batch:
        rng = np.random.default_rng([self._seed, number])
        of_case = self._cases[int(rng.integers(len(self._cases)))]
        case = of_case[int(rng.integers(len(of_case)))]
        centre = case.centres[int(rng.integers(len(case.centres)))].numpy().astype(float)
        turn = np.linalg.inv(self._millimetres) @ _turn(rng, self._tile[0] == 1, not case.labels) @ self._millimetres
        patch = _read(case, centre, turn, self._tile, self._beside)
        gain = {name: float(np.exp(rng.normal(0.0, _INTENSITY))) for name in patch.images if name in case.varied}
        return Batch(
            {name: image * gain.get(name, 1.0) for name, image in patch.images.items()}, patch.masks, patch.weights
        )


def validation_patches(
    cases: Sequence[WorkingCase], tile: Voxels, count: int, seed: int, beside: Beside = NONE_BESIDE
) -> list[Batch]:
    """Return `count` unvaried patches of each case, one a batch, to validate by."""
    patches = []
    for number, case in enumerate(cases):
        rng = np.random.default_rng([seed, number])
        for at in rng.integers(len(case.centres), size=count):
            patches.append(_read(case, case.centres[int(at)].numpy().astype(float), np.eye(3), tile, beside))
    return patches


def _turn(rng: np.random.Generator, flat: bool, may_mirror: bool) -> Vector:
    angles = rng.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES, 3)
    scale = rng.uniform(1 - _SCALE, 1 + _SCALE, 3)
    if flat:  # axes are k, j, i: only what keeps k
        angles[1:], scale[0] = 0.0, 1.0
    side = rng.choice([-1.0, 1.0])  # drawn in any case, so that what is drawn after it stays
    mirror = np.diag([1.0, 1.0, side if may_mirror else 1.0])
    turn: Vector = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scale) @ mirror
    return turn


def _read(case: WorkingCase, centre: Vector, turn: Vector, patch: Voxels, beside: Beside) -> Batch:
    """Sample a patch around `centre` (voxels k j i); `turn` maps offsets in the patch to offsets in the case."""
    count = beside.slices
    tile = (patch[0] + 2 * count, *patch[1:])
    size = np.array(case.mask.shape, float)
    middle = (np.array(tile, float) - 1) / 2
    if np.array_equal(turn, np.eye(3)):
        # Whole voxels: what is not turned is not blurred.
        centre = np.floor(centre) + (middle % 1)
    # grid_sample counts from -1 to 1 over the voxels' outer faces, and wants x, y, z.
    scaled = turn * (np.array(tile, float)[None, :] / size[:, None])
    shift = (2 * centre + 1) / size - 1
    matrix = torch.from_numpy(np.concatenate([scaled[::-1, ::-1], shift[::-1, None]], axis=1).copy()).float()[None]
    grid = functional.affine_grid(matrix, [1, 1, *tile], align_corners=False)

    def sampled(image: Tensor, outside: float, mode: str, whole: bool) -> Tensor:
        # What lies beyond is 0 while it is read, so that it becomes `outside`.
        moved = image.float()[None, None] - outside
        found = functional.grid_sample(moved, grid, mode=mode, align_corners=False) + outside
        if patch[0] > 1:
            return found
        return found.squeeze(1) if whole else found[:, :, count]

    images = {
        name: sampled(
            image, case.outside[name], "nearest" if name in case.labels else "bilinear", name in beside.images
        )
        for name, image in case.images.items()
    }
    return Batch(images, {BODY: sampled(case.mask, 0.0, "nearest", False) > 0.5}, case.counted)


def _around(mask: Tensor, tile: Voxels) -> tuple[slice, slice, slice]:
    """Return the mask's bounding box with half a tile around it, and never less than a tile."""
    box = []
    for axis, side in enumerate(tile):
        others = [other for other in range(3) if other != axis]
        where = mask.any(dim=others[1]).any(dim=others[0]).nonzero()
        length = mask.shape[axis]
        low, high = (int(where.min()), int(where.max()) + 1) if len(where) else (0, length)
        low, high = max(0, low - side // 2), min(length, high + side // 2)
        high = max(high, min(length, low + side))
        box.append(slice(min(low, max(0, high - side)), high))
    k, j, i = box
    return k, j, i
