"""The fields on which networks are timed: a real head where there is one, else the head phantom."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import SimpleITK

from models.anatomy.phantoms import head_phantom
from models.inference import resample
from models.nifti import read_nifti, write_nifti
from models.volumes import Grid, Triple, Volume
from pipelines.contract import SourceInstance
from pipelines.geometry.target import axial_target
from pipelines.reading.reader import read_series

DATA = "SYNTHNODE_TEST_DATA"

_PHANTOM = Grid((118, 150, 160), (1.5, 1.5, 1.5), (-87.75, -111.75, -135.0))
"""As large as a head and neck."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """An image on the model's working grid."""

    name: str
    image: Volume


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """An image as it lies on a disk, and the two ways of reading it."""

    name: str
    ours: Callable[[], Volume]
    simple_itk: Callable[[], SimpleITK.Image]


def series(folder: Path) -> Series:
    """Return the real head that `SYNTHNODE_TEST_DATA` has, else the phantom, written as NIfTI into `folder`."""
    data = os.environ.get(DATA)
    if data and (head := Path(data) / "mr-head-dicom").is_dir():
        return Series("mr-head-dicom", lambda: _dicom(head), lambda: _itk_dicom(head))
    file = folder / "phantom.nii.gz"
    write_nifti(head_phantom(Grid((160, 224, 224), (1.1, 1.0, 1.0), (-87.5, -111.5, -135.0)), seed=3).mr, file)
    return Series(
        "head phantom", lambda: read_nifti(file), lambda: SimpleITK.ReadImage(str(file), SimpleITK.sitkFloat32)
    )


def whole_field(source: Volume, voxel_mm: Triple) -> Field:
    """Return all of the field of `source` on the working grid, corners and air included."""
    return Field("head", resample(source, axial_target(source.grid, voxel_mm).grid)[0])


def in_air(side: int, voxel_mm: Triple) -> Field:
    """Return the head phantom in the middle of an array of `side` cubed, the rest of which is the same noisy air."""
    mr = _phantom(voxel_mm).values
    air = mr[:4, :16, :16]
    rng = np.random.default_rng(5)
    values = rng.choice(air.ravel(), (side,) * 3).astype(np.float32)
    k, j, i = (slice((side - n) // 2, (side - n) // 2 + n) for n in mr.shape)
    values[k, j, i] = mr
    return Field(f"air {side}", Volume(values, Grid((side,) * 3, voxel_mm, (0.0, 0.0, 0.0))))


def filled(side: int, voxel_mm: Triple) -> Field:
    """Return a block of the phantom's head that ends within the head, so that no tile of it can be left out."""
    mr = _phantom(voxel_mm).values
    side = min(side, mr.shape[2])
    j, i = ((n - side) // 2 for n in mr.shape[1:])
    cut = np.ascontiguousarray(mr[-side:, j : j + side, i : i + side])
    return Field("filled", Volume(cut, Grid((side,) * 3, voxel_mm, (0.0, 0.0, 0.0))))


def bright(field: Field) -> npt.NDArray[np.bool_]:
    """Return where `field` is brighter than a tenth of its brightest tissue."""
    values = field.image.values
    mask: npt.NDArray[np.bool_] = values > 0.1 * np.quantile(values[::2, ::2, ::2], 0.99)
    return mask


def _phantom(voxel_mm: Triple) -> Volume:
    shares = [1.5 / step for step in voxel_mm]
    i, j, k = (round(n * share) for n, share in zip(_PHANTOM.size, shares, strict=True))
    return head_phantom(Grid((i, j, k), voxel_mm, _PHANTOM.origin), seed=3).mr


def _dicom(folder: Path) -> Volume:
    files = sorted(folder.glob("*.dcm"))
    instances = [SourceInstance(pydicom.dcmread(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
    return read_series(instances).volume


def _itk_dicom(folder: Path) -> SimpleITK.Image:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.SetOutputPixelType(SimpleITK.sitkFloat32)
    return reader.Execute()
