"""Heads on a coarse grid, each voxel with its shares of tissues: quick, and without steps at borders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.anatomy.heads import TISSUES
from models.anatomy.phantoms import head_labels
from models.anatomy.reading import stored_labels
from models.errors import InputError
from models.tissues import CODES, Mixture, Tissue
from models.volumes import Grid

COARSE_MM = 4.0
"""About the side of the voxels of a body: a view's are 5 mm, and finer ones would cost and not show."""

_BRAIN = (Tissue.WHITE, Tissue.GREY, Tissue.DEEP_GREY, Tissue.CSF, Tissue.LESION)
_EYES_FROM = 500
_COARSEST_MM = 2.0
_PHANTOM_MM = 2.0
_PHANTOM_FIELD = ((-87.0, -112.0, -130.0), (88, 112, 116))
"""First voxel's centre and size along x, y, z of the grid that a phantom is sampled on: head and neck."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A head as shares of tissues, arrays [k, j, i] along LPS axes.

    Attributes
    ----------
    name
        Which map or phantom it is.
    codes
        `Tissue` or `Mixture` of each share.
    shares
        float16, shape (codes, k, j, i): how much of a voxel is of each; what is missing to 1 is air.
    brain
        float16, shape (k, j, i): how much of a voxel lies inside the skull.
    voxel_mm
        Side of the cubic voxels, near `COARSE_MM`.
    """

    name: str
    codes: tuple[int, ...]
    shares: npt.NDArray[np.float16]
    brain: npt.NDArray[np.float16]
    voxel_mm: float

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Where most of a voxel is body."""
        filled: npt.NDArray[np.bool_] = self.shares.sum(axis=0, dtype=np.float32) > 0.5
        return filled


def body_of_map(file: Path) -> Body:
    """Read a whole-head label map.

    Raises
    ------
    InputError
        If it is no label map that can be read (as of `stored_labels`), its voxels are no cubes of up to 2 mm
        (``labels-spacing``), a label has no tissue (``label-unknown``), or all is air (``labels-empty``).
    """
    labels, spacing = stored_labels(file)
    if max(spacing) - min(spacing) > 1e-3 or spacing[0] > _COARSEST_MM:
        raise InputError(
            "labels-spacing", file=str(file), spacing_mm=str(spacing), accepted=f"cubes of up to {_COARSEST_MM:g} mm"
        )
    table = np.full(max(1024, int(labels.max()) + 1), 255, np.uint8)
    for number, tissue in TISSUES.items():
        table[number] = tissue
    codes = table[labels]
    if (codes == 255).any():
        raise InputError("label-unknown", file=str(file), labels=str(sorted(set(labels[codes == 255].tolist()))[:8]))
    brain = np.isin(codes, _BRAIN) & (labels < _EYES_FROM)
    box = ndimage.find_objects((codes > 0).astype(np.uint8))
    if not box:
        raise InputError("labels-empty", file=str(file), found="air alone", expected="a head")
    return _body(file.name.split(".")[0], codes[box[0]], brain[box[0]], spacing[0])


def body_of_phantom(seed: int) -> Body:
    """Return the head phantom of `seed`."""
    first, size = _PHANTOM_FIELD
    codes = head_labels(Grid(size, (_PHANTOM_MM,) * 3, first), seed).values
    return _body(f"phantom-{seed}", codes, np.isin(codes, _BRAIN), _PHANTOM_MM)


def mixed(means: npt.NDArray[np.float32], fat: float) -> dict[int, float]:
    """Return the value of each code for values by tissue: mixtures are made of their parts.

    Parameters
    ----------
    means
        Value of each `Tissue`, indexed by it.
    fat
        Share of fat in soft tissue without a label, 0 to 1.
    """
    values = {int(tissue): float(means[tissue]) for tissue in Tissue}

    def part(first: Tissue, second: Tissue, share: float) -> float:
        return share * values[first] + (1 - share) * values[second]

    values[Mixture.SOFT] = part(Tissue.FAT, Tissue.MUSCLE, fat)
    values[Mixture.SCALP] = part(Tissue.FAT, Tissue.SKIN, 0.65)
    values[Mixture.JAW] = part(Tissue.CORTICAL_BONE, Tissue.MARROW, 0.6)
    values[Mixture.BONE] = part(Tissue.CORTICAL_BONE, Tissue.MARROW, 0.4)
    values[Mixture.SINUS_WALL] = values[Tissue.MUCOSA]
    return values


def _body(name: str, codes: npt.NDArray[np.uint8], brain: npt.NDArray[np.bool_], voxel_mm: float) -> Body:
    step = round(COARSE_MM / voxel_mm)
    room = [(0, -length % step) for length in codes.shape]
    codes, brain = np.pad(codes, room), np.pad(brain, room)
    size = tuple(length // step for length in codes.shape)
    blocks = int(np.prod(size))
    block = np.arange(blocks, dtype=np.int32).reshape(size)
    for axis in range(3):
        block = np.repeat(block, step, axis=axis)
    present = tuple(int(code) for code in np.unique(codes) if code != Tissue.AIR)
    number = np.zeros(CODES, np.int32)
    number[list(present)] = 1 + np.arange(len(present))
    # One count over (block, code) pairs: a mean over three axes a code would take ten times as long.
    counts = np.bincount(
        (block * np.int32(len(present) + 1) + number[codes]).ravel(), minlength=blocks * (len(present) + 1)
    )
    shares = counts.reshape(*size, -1)[..., 1:] / np.float32(step**3)
    inside = np.bincount(block[brain], minlength=blocks).reshape(size) / np.float32(step**3)
    return Body(
        name,
        present,
        np.ascontiguousarray(np.moveaxis(shares, -1, 0), np.float16),
        inside.astype(np.float16),
        step * voxel_mm,
    )
