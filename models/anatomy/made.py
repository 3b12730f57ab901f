"""Made anatomy as label maps: for training where no labels exist, and for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from models.anatomy.label_map import LabelMap, label_map
from models.anatomy.own import FILE, TISSUES
from models.anatomy.parametric import head, pelvis, spine
from models.anatomy.parametric.shapes import Points
from models.errors import InputError
from models.nifti import write_nifti
from models.volumes import Grid, Triple, Volume


@dataclass(frozen=True, slots=True)
class Site:
    """A part of the body that can be made.

    Attributes
    ----------
    tissue_at
        Which tissue stands at points (mm, LPS) in the person of a seed.
    lowest, size_mm
        The box that holds it, along x, y, z.
    """

    tissue_at: Callable[[Points, int], np.typing.NDArray[np.uint8]]
    lowest: Triple
    size_mm: Triple


SITES: Mapping[str, Site] = {
    "head": Site(head.tissue_at, (-92.0, -128.0, -130.0), (184.0, 250.0, 242.0)),
    "pelvis": Site(pelvis.tissue_at, (-212.0, -150.0, -110.0), (424.0, 310.0, 250.0)),
    "spine": Site(spine.tissue_at, (-190.0, -160.0, -115.0), (380.0, 260.0, 230.0)),
}
"""The parts of the body, by name."""


def made_labels(site: str, seed: int, voxel_mm: float = 2.0) -> Volume:
    """Make the part `site` of the person of `seed`: uint8 `Tissue` or `Mixture` on an axial grid.

    Raises
    ------
    InputError
        If there is no such part (``site-unknown``).
    """
    if site not in SITES:
        raise InputError("site-unknown", found=site, accepted=", ".join(SITES))
    made = SITES[site]
    i, j, k = (max(1, round(size / voxel_mm)) for size in made.size_mm)
    grid = Grid((i, j, k), (voxel_mm,) * 3, made.lowest)
    x, y, z = (low + voxel_mm * np.arange(count) for low, count in zip(made.lowest, (i, j, k), strict=True))
    codes = np.empty(grid.shape, np.uint8)
    for level, height in enumerate(z):
        plane = np.stack(np.broadcast_arrays(x[None, :], y[:, None], height), axis=-1).astype(float)
        codes[level] = made.tissue_at(plane, seed)
    return Volume(codes, grid)


def made_map(site: str, seed: int, voxel_mm: float = 2.0) -> LabelMap:
    """Make the part `site` of the person of `seed`, prepared for the generator; errors as of `made_labels`."""
    return label_map(f"{site}-{seed}", made_labels(site, seed, voxel_mm).values, voxel_mm)


def write_made(site: str, seeds: range, folder: Path, voxel_mm: float = 2.0) -> list[Path]:
    """Write made parts as NIfTI label maps with the ``labels.yaml`` that explains them; returns the maps' files.

    Raises
    ------
    InputError
        If there is no such part (``site-unknown``), or the folder has another ``labels.yaml`` (``labels-yaml-exists``).
    """
    content = {"schema": 1, "background": "air", "tissues": {word: [code] for word, code in TISSUES.items()}}
    text = "# Made anatomy: each label is the number of its tissue.\n" + yaml.safe_dump(content, sort_keys=False)
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / FILE
    if own.exists() and own.read_text(encoding="utf-8") != text:
        raise InputError("labels-yaml-exists", file=str(own), remedy="name an empty folder")
    written = []
    for seed in seeds:
        file = folder / f"{site}-{seed:04d}.nii.gz"
        write_nifti(made_labels(site, seed, voxel_mm), file, np.uint8)
        written.append(file)
    own.write_text(text, encoding="utf-8")
    return written
