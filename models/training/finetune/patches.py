"""Patches of a site's pairs as the network sees them, numbered, lightly varied, and told only inside the body mask."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn import functional

from models.errors import InputError
from models.generator import Batch
from models.inference.inputs import named, prepare
from models.inference.resampling import resampled
from models.inference.working_grid import axial_grid
from models.packages import Card
from models.reports.cases import Case
from models.volumes import Volume

_ROTATION_DEGREES = 5.0
_SCALE = 0.05
_INTENSITY = 0.08

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class WorkingPair:
    """One pair on the card's working grid, cut to the body mask with half a tile around it.

    Attributes
    ----------
    case
        Whose it is.
    images
        (inputs, k, j, i) float16, normalised as the network sees them in use.
    ct
        (k, j, i) float16, HU.
    mask
        (k, j, i) bool.
    centres
        (n, 3) int32 voxels k, j, i of the body.
    """

    case: str
    images: Tensor
    ct: Tensor
    mask: Tensor
    centres: Tensor


def working_pair(case: Case, card: Card) -> WorkingPair:
    """Bring a pair to the card's working grid by the same steps as in use.

    Raises
    ------
    InputError
        If an image cannot be used, or no body is left on the grid.
    """
    device, tile = torch.device("cpu"), card.network.tile_shape
    target = axial_grid(case.grid, card.output.voxel_mm)
    field = prepare(named(case.inputs, card.inputs), card.inputs, target, tile, device)
    ct = torch.full(field.shape, card.output.outside)
    mask = torch.zeros(field.shape, dtype=torch.bool)
    ct[field.inside], _ = resampled(Volume(case.truth, case.grid), target, device, card.output.outside)
    body, _ = resampled(Volume(case.body.astype(np.float32), case.grid), target, device, 0.0)
    mask[field.inside] = body > 0.5
    mask &= field.field
    if not mask.any():
        raise InputError("body-empty", patient=case.patient, accepted="a mask that the MR's field reaches")
    box = _around(mask, tile)
    inner = mask[box]
    return WorkingPair(
        case.case, field.images(box).half(), ct[box].half(), inner, inner.nonzero().to(torch.int32).contiguous()
    )


class Patches:
    """Endless patches of `pairs`: patch number n is always the same.

    Each patient has the same chance, however many contrasts they have. A patch lies around a voxel of the body,
    mirrored or not, turned by at most 5 degrees, scaled by at most 5 %, and its intensities vary by some percent.

    Parameters
    ----------
    tile
        Shape (k, j, i) of a patch.
    voxel_mm
        Voxel spacing along x, y, z in mm.
    """

    def __init__(
        self, pairs: Sequence[WorkingPair], tile: tuple[int, int, int], voxel_mm: tuple[float, float, float], seed: int
    ) -> None:
        by_case: dict[str, list[WorkingPair]] = defaultdict(list)
        for pair in pairs:
            by_case[pair.case].append(pair)
        self._cases, self._tile, self._seed = list(by_case.values()), tile, seed
        self._millimetres = np.diag(voxel_mm[::-1])

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return the patches `numbers`."""
        return _joined([self._one(number) for number in numbers])

    def _one(self, number: int) -> Batch:
        rng = np.random.default_rng([self._seed, number])
        of_case = self._cases[int(rng.integers(len(self._cases)))]
        pair = of_case[int(rng.integers(len(of_case)))]
        centre = pair.centres[int(rng.integers(len(pair.centres)))].numpy().astype(float)
        turn = np.linalg.inv(self._millimetres) @ _turn(rng) @ self._millimetres
        patch = _read(pair, centre, turn, self._tile)
        return Batch(patch.mr * float(np.exp(rng.normal(0.0, _INTENSITY))), patch.ct, patch.body)


def validation_patches(pairs: Sequence[WorkingPair], tile: tuple[int, int, int], count: int, seed: int) -> list[Batch]:
    """Return `count` unvaried patches of each pair, one a batch, to validate by."""
    patches = []
    for number, pair in enumerate(pairs):
        rng = np.random.default_rng([seed, number])
        for at in rng.integers(len(pair.centres), size=count):
            patches.append(_read(pair, pair.centres[int(at)].numpy().astype(float), np.eye(3), tile))
    return patches


def _turn(rng: np.random.Generator) -> Vector:
    angles = rng.uniform(-_ROTATION_DEGREES, _ROTATION_DEGREES, 3)
    scale = rng.uniform(1 - _SCALE, 1 + _SCALE, 3)
    mirror = np.diag([1.0, 1.0, rng.choice([-1.0, 1.0])])
    turn: Vector = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(scale) @ mirror
    return turn


def _read(pair: WorkingPair, centre: Vector, turn: Vector, tile: tuple[int, int, int]) -> Batch:
    """Sample a patch around `centre` (voxels k j i); `turn` maps offsets in the patch to offsets in the pair."""
    size = np.array(pair.mask.shape, float)
    middle = (np.array(tile, float) - 1) / 2
    if np.array_equal(turn, np.eye(3)):
        # Whole voxels: what is not turned is not blurred.
        centre = np.floor(centre) + (middle % 1)
    # grid_sample counts from -1 to 1 over the voxels' outer faces, and wants x, y, z.
    scaled = turn * (np.array(tile, float)[None, :] / size[:, None])
    shift = (2 * centre + 1) / size - 1
    matrix = torch.from_numpy(np.concatenate([scaled[::-1, ::-1], shift[::-1, None]], axis=1).copy()).float()[None]
    grid = functional.affine_grid(matrix, [1, 1, *tile], align_corners=False)
    images = functional.grid_sample(pair.images.float()[None], grid, align_corners=False)
    # Air is 0 while it is read, so that what lies beyond the pair is air too.
    ct = functional.grid_sample(pair.ct.float()[None, None] + 1000.0, grid, align_corners=False) - 1000.0
    mask = functional.grid_sample(pair.mask.float()[None, None], grid, mode="nearest", align_corners=False) > 0.5
    return Batch(images, ct, mask)


def _joined(patches: Sequence[Batch]) -> Batch:
    return Batch(*(torch.cat([getattr(patch, part) for patch in patches]) for part in ("mr", "ct", "body")))


def _around(mask: Tensor, tile: tuple[int, int, int]) -> tuple[slice, slice, slice]:
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
