"""Label maps of whole heads, read and prepared once for the generator.

Labels follow FreeSurfer's numbering inside the brain and that of SimNIBS's "charm" outside it (5xx).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.errors import InputError
from models.tissues import Tissue

Bytes = npt.NDArray[np.uint8]

OTHER = 32
"""Code of the label "other tissue", which the generator divides into fat and muscle."""
SCALP = 33
"""Code of the label "skin", which in these maps is skin with the fat below it."""

DEPTH_STEP_MM = 0.1
"""Depths are kept as bytes in steps of this many millimetres, so up to 25.5 mm."""

_OPENING_MM = 9.0

_LABELS: dict[int, tuple[int, ...]] = {
    Tissue.AIR: (0, 517),
    Tissue.WHITE: (2, 41, 7, 46, 16, 28, 60, 85, 77, 251, 252, 253, 254, 255, 512, 530),
    Tissue.GREY: (3, 42, 8, 47, 17, 18, 53, 54),
    Tissue.DEEP_GREY: (10, 11, 12, 13, 26, 49, 50, 51, 52, 58, 136, 137, 163, 164),
    Tissue.CSF: (4, 5, 14, 15, 24, 43, 44, 72),
    Tissue.EYE: (506,),
    Tissue.BLOOD: (30, 62, 502, 503, 514),
    Tissue.MUCOSA: (509,),
    Tissue.MUSCLE: (508,),
    Tissue.LESION: (25, 57),
    Tissue.CORTICAL_BONE: (515,),
    Tissue.MARROW: (516,),
    OTHER: (507,),
    SCALP: (511,),
}


@dataclass(frozen=True, slots=True, eq=False)
class HeadMap:
    """One prepared label map: arrays indexed [k, j, i] along LPS axes at `voxel_mm`, cropped to the head.

    Attributes
    ----------
    name
        File name without suffix.
    tissue
        `Tissue` values, or `OTHER` and `SCALP`.
    bone_depth
        Distance of a bone voxel to the bone's surface, in steps of `DEPTH_STEP_MM`; 0 outside bone.
    skin_depth
        Distance of a voxel to the outside air, in steps of `DEPTH_STEP_MM`; 0 outside the head.
    voxel_mm
        Side of the cubic voxels.
    """

    name: str
    tissue: Bytes
    bone_depth: Bytes
    skin_depth: Bytes
    voxel_mm: float


def map_files(folder: Path) -> list[Path]:
    """Return the label maps in `folder`, by name.

    Raises
    ------
    InputError
        If there is none.
    """
    files = sorted(folder.glob("*.nii.gz"))
    if not files:
        raise InputError("labels-absent", folder=str(folder), expected="*.nii.gz label maps")
    return files


def prepare(file: Path) -> HeadMap:
    """Read one NIfTI label map and prepare it.

    Raises
    ------
    InputError
        If it holds a label that has no tissue, or its voxels are not cubes.
    """
    image = nibabel.as_closest_canonical(nibabel.load(file))
    spacing = [float(step) for step in image.header.get_zooms()[:3]]
    if max(spacing) - min(spacing) > 1e-3:
        raise InputError("labels-not-isotropic", file=file.name, spacing_mm=str(spacing))
    # Canonical NIfTI is RAS with index (i, j, k); ours is LPS with index [k, j, i].
    labels = np.asarray(image.dataobj).astype(np.int32)[::-1, ::-1, :].transpose(2, 1, 0)
    tissue = _largest_piece(_to_tissue(labels, file.name))
    tissue = tissue[ndimage.find_objects((tissue > 0).astype(np.uint8))[0]]
    voxel = spacing[0]
    bone = np.isin(tissue, (Tissue.CORTICAL_BONE, Tissue.MARROW))
    # Depths are measured before the rim of air is added: where the scan cut the neck, there is no skin.
    return HeadMap(
        name=file.name.split(".")[0],
        tissue=np.pad(tissue, 1),
        bone_depth=np.pad(_depth(bone, voxel), 1),
        skin_depth=np.pad(_depth(~_outside(tissue == Tissue.AIR, voxel), voxel), 1),
        voxel_mm=voxel,
    )


def prepared(files: Sequence[Path], cache: Path) -> list[HeadMap]:
    """Return the maps of `files`, prepared once and kept in the folder `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    return [_cached(file, cache / f"{file.name.split('.')[0]}.npz") for file in files]


def _cached(file: Path, kept: Path) -> HeadMap:
    if not kept.exists():
        head = prepare(file)
        part = kept.with_suffix(".part")
        with part.open("wb") as stream:
            np.savez(
                stream,
                tissue=head.tissue,
                bone_depth=head.bone_depth,
                skin_depth=head.skin_depth,
                voxel_mm=np.float64(head.voxel_mm),
            )
        part.replace(kept)
    with np.load(kept, allow_pickle=False) as stored:
        return HeadMap(
            name=kept.stem,
            tissue=stored["tissue"],
            bone_depth=stored["bone_depth"],
            skin_depth=stored["skin_depth"],
            voxel_mm=float(stored["voxel_mm"]),
        )


def _to_tissue(labels: npt.NDArray[Any], file: str) -> Bytes:
    table = np.full(max(1024, int(labels.max()) + 1), 255, np.uint8)
    for tissue, numbers in _LABELS.items():
        table[list(numbers)] = tissue
    found: Bytes = table[labels]
    if (found == 255).any():
        raise InputError("label-unknown", file=file, labels=str(sorted(set(labels[found == 255].tolist()))[:8]))
    return found


def _largest_piece(tissue: Bytes) -> Bytes:
    # Automatic maps carry islands of labels in the air around the head.
    pieces, count = ndimage.label(tissue > 0)
    if count > 1:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        tissue = np.where(pieces == sizes.argmax(), tissue, np.uint8(Tissue.AIR)).astype(np.uint8)
    return tissue


def _outside(air: npt.NDArray[np.bool_], voxel: float) -> npt.NDArray[np.bool_]:
    """Return the air around the head without what reaches it through openings narrower than `_OPENING_MM`."""
    wide = ndimage.distance_transform_edt(air, sampling=voxel) > _OPENING_MM / 2
    pieces, _ = ndimage.label(wide)
    rim = np.ones_like(air)
    rim[1:, 1:-1, 1:-1] = False  # every face but the lowest, where the airway leaves the map
    around = np.isin(pieces, np.setdiff1d(np.unique(pieces[rim]), [0]))
    near: npt.NDArray[np.bool_] = ndimage.distance_transform_edt(~around, sampling=voxel) <= _OPENING_MM / 2
    return near & air


def _depth(mask: npt.NDArray[np.bool_], voxel: float) -> Bytes:
    depth = ndimage.distance_transform_edt(mask, sampling=voxel)
    scaled: Bytes = np.minimum(depth / DEPTH_STEP_MM, 255).astype(np.uint8)
    return scaled
