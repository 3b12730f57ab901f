"""A body part as tissues and depths: what every map becomes, whoever drew it, before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.errors import InputError
from models.tissues import Mixture, Tissue

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

DEPTH_STEP_MM = 0.1
"""Depths are kept as bytes in steps of this many millimetres, so up to 25.5 mm."""

BONE = (Tissue.CORTICAL_BONE, Tissue.MARROW, Mixture.JAW, Mixture.BONE)
"""Codes whose `LabelMap.bone_depth` counts."""

_OPENING_MM = 9.0


@dataclass(frozen=True, slots=True, eq=False)
class LabelMap:
    """One prepared label map, indexed [k, j, i] along LPS axes, cropped to the body with a rim of one voxel of air.

    Attributes
    ----------
    name
        What it is called, usually its file's name without suffix.
    channels
        uint8, shape (k, j, i, 4), the four bytes of a voxel side by side: see the properties.
    voxel_mm
        Side of the cubic voxels.
    """

    name: str
    channels: Bytes
    voxel_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along k, j, i."""
        k, j, i, _ = self.channels.shape
        return k, j, i

    @property
    def tissue(self) -> Bytes:
        """Values of `Tissue` or `Mixture`."""
        return self.channels[..., 0]

    @property
    def bone_depth(self) -> Bytes:
        """Distance of a bone voxel to the bone's surface, in steps of `DEPTH_STEP_MM`; 0 outside bone."""
        return self.channels[..., 1]

    @property
    def skin_depth(self) -> Bytes:
        """Distance of a voxel to the outside air, in steps of `DEPTH_STEP_MM`; 0 outside the body."""
        return self.channels[..., 2]

    @property
    def orbit(self) -> Bytes:
        """Distance to the nearest eye, its nerve and muscles, in steps of `DEPTH_STEP_MM`; 255 where far or none."""
        return self.channels[..., 3]


def label_map(name: str, tissue: Bytes, voxel_mm: float, orbit: Mask | None = None) -> LabelMap:
    """Prepare tissues for the generator: the largest piece alone, cropped, with depths.

    Parameters
    ----------
    name
        What the map is called.
    tissue
        Values of `Tissue` or `Mixture`, [k, j, i] along LPS axes.
    voxel_mm
        Side of the cubic voxels.
    orbit
        True in what stands in the orbit's fat, where the map has eyes.

    Raises
    ------
    InputError
        If nothing but air is in it (``labels-empty``).
    """
    if not tissue.any():
        raise InputError("labels-empty", map=name, found="air alone", expected="a body part")
    tissue = _largest_piece(tissue)
    box = ndimage.find_objects((tissue > 0).astype(np.uint8))[0]
    tissue = tissue[box]
    # Depths are measured before the rim of air is added: where the scan cut the neck, there is no skin.
    channels = np.zeros((*tissue.shape, 4), np.uint8)
    channels[..., 0] = tissue
    bone = np.isin(tissue, BONE)
    # The outermost voxels of a bone lie as deep as in a map of 1 mm, so that a cortex is found in coarser maps too.
    depth = ndimage.distance_transform_edt(bone, sampling=voxel_mm) - max(0.0, voxel_mm - 1.0)
    channels[..., 1] = in_steps(np.where(bone, depth, 0.0))
    outside = _outside(tissue == Tissue.AIR, voxel_mm)
    channels[..., 2] = in_steps(ndimage.distance_transform_edt(~outside, sampling=voxel_mm)) if outside.any() else 255
    channels[..., 3] = 255
    if orbit is not None and orbit[box].any():
        channels[..., 3] = in_steps(ndimage.distance_transform_edt(~orbit[box], sampling=voxel_mm))
    rim = ((1, 1), (1, 1), (1, 1), (0, 0))
    return LabelMap(name, np.pad(channels, rim), voxel_mm)


def in_steps(distance_mm: npt.NDArray[np.float64]) -> Bytes:
    """Return distances as bytes in steps of `DEPTH_STEP_MM`, cut at 25.5 mm."""
    steps: Bytes = np.minimum(distance_mm / DEPTH_STEP_MM, 255).astype(np.uint8)
    return steps


def save_map(prepared: LabelMap, file: Path) -> None:
    """Keep a prepared map as ``NAME.KEY.npz``, whole or not at all."""
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, channels=prepared.channels, voxel_mm=np.float64(prepared.voxel_mm))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def load_map(file: Path) -> LabelMap:
    """Read a map that `save_map` kept as ``NAME.KEY.npz``."""
    with np.load(file, allow_pickle=False) as stored:
        return LabelMap(file.name.rsplit(".", 2)[0], stored["channels"], float(stored["voxel_mm"]))


def _largest_piece(tissue: Bytes) -> Bytes:
    # Automatic maps carry islands of labels in the air around the body.
    pieces, count = ndimage.label(tissue > 0)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        tissue = np.where(pieces == sizes.argmax(), tissue, np.uint8(Tissue.AIR)).astype(np.uint8)
    return tissue


def _outside(air: Mask, voxel: float) -> Mask:
    """Return the air around the body without what reaches it through openings narrower than `_OPENING_MM`."""
    wide = ndimage.distance_transform_edt(air, sampling=voxel) > _OPENING_MM / 2 if air.any() else air
    pieces, _ = ndimage.label(wide)
    rim = np.ones_like(air)
    rim[1:, 1:-1, 1:-1] = False  # every face but the lowest, where the airway leaves the map
    around = np.isin(pieces, np.setdiff1d(np.unique(pieces[rim]), [0]))
    if not around.any():
        return around
    near: Mask = ndimage.distance_transform_edt(~around, sampling=voxel) <= _OPENING_MM / 2
    return near & air
