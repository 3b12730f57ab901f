"""Every real series is read as SimpleITK and dcm2niix read it: the same voxels at the same places."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from enhanced import enhanced_mr
from nibabel.nifti1 import Nifti1Image
from peers import program
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from scipy.spatial.transform import Rotation

from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.phantoms.series import mr_series
from pipelines.reading.reader import read_series

WITHIN_MM = 1e-3

SERIES = (
    "ct-head-phantom-dicom/no-tilt-5mm",
    "ct-headneck-dicom",
    *(f"limb-dicom/{name}/{part}/image" for name in ("STS_004", "STS_024", "STS_043") for part in ("CT", "MR_T1")),
    "mr-head-dicom",
    *(f"mr-prostate-dicom/case0000-{part}" for part in ("adc", "t2-axial", "t2-coronal", "t2-sagittal")),
    *(f"mr-prostate-dicom/case0001-t2-axial-{number}" for number in (6, 10)),
)
"""All but the series with a slice missing, which is refused, and the tilted one, which all three resample."""


def images_in(folder: Path) -> list[Path]:
    """The images of a folder: beside them lie licences and index files."""
    return [file for file in sorted(folder.iterdir()) if file.is_file() and is_image(file)]


def is_image(file: Path) -> bool:
    try:
        return "Rows" in dcmread(file, specific_tags=["Rows"], stop_before_pixels=True)
    except InvalidDicomError:
        return False


def ours(folder: Path) -> Volume:
    return read_series([SourceInstance(dcmread(file), "") for file in images_in(folder)]).volume


def assert_same(volume: Volume, affine: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> None:
    """Assert that a peer's values [i, j, k] on its LPS affine are the volume's, whichever way its axes run."""
    there = np.linalg.inv(affine) @ volume.grid.affine
    axes = np.rint(there[:3, :3]).astype(int)
    assert sorted(map(tuple, np.abs(axes))) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]
    turned_by = np.eye(4)
    turned_by[:3, :3] = axes
    turned_by[:3, 3] = np.where(axes.sum(axis=1) < 0, np.abs(axes) @ volume.grid.size - 1, 0)
    assert np.abs(affine @ turned_by - volume.grid.affine).max() < WITHIN_MM
    order = np.abs(axes).argmax(axis=0)  # our axis n is their axis order[n]
    turned = np.transpose(values, order)
    for axis in range(3):
        if axes[order[axis], axis] < 0:
            turned = np.flip(turned, axis)
    assert np.allclose(turned, np.transpose(volume.values, (2, 1, 0)), atol=1e-3, rtol=1e-6)


def by_dcm2niix(folder: Path, out: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The affine in LPS and the values [i, j, k] of the one volume that dcm2niix makes of a folder."""
    plain = out / "plain"
    plain.mkdir()
    for number, file in enumerate(images_in(folder)):
        dataset = dcmread(file)
        if dataset.file_meta.TransferSyntaxUID.is_compressed:
            # Debian's dcm2niix is built without JPEG-LS, and takes the first image's BitsStored for all of a series.
            dataset.decompress()
            dataset.BitsStored, dataset.HighBit = dataset.BitsAllocated, dataset.BitsAllocated - 1
        dataset.save_as(plain / f"{number}.dcm")
    command = [program("dcm2niix"), "-z", "n", "-b", "n", "-o", str(out), "-f", "made", str(plain)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (file,) = out.glob("*.nii")
    image = nibabel.load(file)
    assert isinstance(image, Nifti1Image)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine, np.asarray(image.get_fdata())


def by_simpleitk(files: list[Path]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The same of SimpleITK's reader of series."""
    reader = SimpleITK.ImageSeriesReader()
    folder = str(files[0].parent)
    (uid,) = reader.GetGDCMSeriesIDs(folder)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder, uid))
    image = reader.Execute()
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return affine, SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0).astype(np.float64)


@pytest.mark.data
@pytest.mark.hazard("HAZ-03", "HAZ-04")
@pytest.mark.parametrize("series", SERIES)
def test_simpleitk_reads_the_same(real_data: Path, series: str) -> None:
    assert_same(ours(real_data / series), *by_simpleitk(images_in(real_data / series)))


@pytest.mark.data
@pytest.mark.peer("dcm2niix")
@pytest.mark.hazard("HAZ-03", "HAZ-04")
@pytest.mark.parametrize("series", SERIES)
def test_dcm2niix_reads_the_same(real_data: Path, tmp_path: Path, series: str) -> None:
    assert_same(ours(real_data / series), *by_dcm2niix(real_data / series, tmp_path))


@pytest.mark.peer("dcm2niix")
@pytest.mark.hazard("HAZ-03", "HAZ-04")
def test_dcm2niix_reads_an_enhanced_object_the_same(tmp_path: Path) -> None:
    axes = Rotation.from_euler("xyz", (12.0, -7.0, 25.0), degrees=True).as_matrix()
    rows = tuple(tuple(float(v) for v in axis) for axis in axes)
    grid = Grid(size=(20, 24, 9), spacing=(1.1, 0.8, 2.5), origin=(-20.0, 31.0, 4.5), direction=rows)
    values = np.random.default_rng(5).uniform(0, 1000, grid.shape).astype(np.float32)
    made = enhanced_mr(mr_series(Volume(values, grid), seed=3))
    (tmp_path / "in").mkdir()
    made.save_as(tmp_path / "in" / "one.dcm", enforce_file_format=True)
    assert_same(ours(tmp_path / "in"), *by_dcm2niix(tmp_path / "in", tmp_path))
