"""Label maps from a folder, prepared once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from models.anatomy import heads
from models.anatomy.label_map import LabelMap, label_map, load_map, save_map
from models.errors import InputError

_PREPARATION = 2
"""Counted up whenever maps are prepared in another way, so that kept ones are made anew."""


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


def prepare(file: Path) -> LabelMap:
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
    tissue = _to_tissue(labels, file.name)
    orbit = np.isin(labels, heads.IN_ORBIT)
    return label_map(file.name.split(".")[0], heads.refined(tissue, orbit, spacing[0]), spacing[0], orbit)


def prepared(files: Sequence[Path], cache: Path) -> list[LabelMap]:
    """Return the maps of `files`, prepared once and kept in the folder `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    return [_cached(file, cache / f"{file.name.split('.')[0]}.{_PREPARATION}.npz") for file in files]


def _cached(file: Path, kept: Path) -> LabelMap:
    if not kept.exists():
        save_map(prepare(file), kept)
    return load_map(kept)


def _to_tissue(labels: npt.NDArray[Any], file: str) -> npt.NDArray[np.uint8]:
    table = np.full(max(1024, int(labels.max()) + 1), 255, np.uint8)
    for number, tissue in heads.TISSUES.items():
        table[number] = tissue
    found: npt.NDArray[np.uint8] = table[labels]
    if (found == 255).any():
        raise InputError("label-unknown", file=file, labels=str(sorted(set(labels[found == 255].tolist()))[:8]))
    return found
