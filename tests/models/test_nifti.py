"""NIfTI in and out keeps every voxel where it is in the patient."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from models.errors import InputError
from models.nifti import read_nifti, read_nifti_grid, write_nifti
from models.volumes import Grid, Volume


@settings(deadline=None, max_examples=20)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.booleans())
def test_a_volume_comes_back_where_itk_sees_it(
    tmp_path_factory: pytest.TempPathFactory, angles: tuple[float, float, float], mirrored: bool
) -> None:
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix().T * (-1 if mirrored else 1)
    direction = tuple(tuple(float(v) for v in axis) for axis in axes)
    grid = Grid((5, 4, 3), (1.0, 2.0, 3.5), (10.0, -20.0, 30.0), direction)  # type: ignore[arg-type]
    volume = Volume(np.arange(60, dtype=np.float32).reshape(grid.shape), grid)
    file = tmp_path_factory.mktemp("nifti") / "a.nii.gz"
    write_nifti(volume, file)
    back, theirs = read_nifti(file), SimpleITK.ReadImage(str(file))
    assert np.array_equal(back.values, volume.values)
    assert np.allclose(back.grid.affine, grid.affine, atol=1e-4)
    for index in ((0, 0, 0), (4, 3, 2)):
        itk = theirs.TransformIndexToPhysicalPoint(index)
        assert np.allclose((grid.affine @ [*index, 1])[:3], itk, atol=1e-3)


def test_whole_numbers_are_rounded(tmp_path: Path) -> None:
    grid = Grid((2, 1, 1), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    write_nifti(Volume(np.array([[[-999.6, 0.6]]], np.float32), grid), tmp_path / "a.nii", np.int16)
    assert read_nifti(tmp_path / "a.nii").values.tolist() == [[[-1000, 1]]]


def test_what_is_not_one_volume_is_refused_by_name(tmp_path: Path) -> None:
    text = tmp_path / "text.nii.gz"
    text.write_text("no image")
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2, 3)), np.eye(4)), tmp_path / "four.nii")
    cut = tmp_path / "cut.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).random((20, 20, 20)), np.eye(4)), cut)
    cut.write_bytes(cut.read_bytes()[:2000])
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2)), sheared), tmp_path / "sheared.nii")
    cases = {"text.nii.gz": "unreadable", "four.nii": "not-3d", "cut.nii.gz": "unreadable", "sheared.nii": "geometry"}
    for name, code in {**cases, "absent.nii": "unreadable"}.items():
        with pytest.raises(InputError) as refused:
            read_nifti(tmp_path / name)
        assert refused.value.code == f"nifti-{code}"
        assert name in str(refused.value)


@pytest.mark.hazard("HAZ-04")
def test_a_header_that_does_not_say_which_way_is_left_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.zeros((3, 4, 5)), None)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (0, 0)
    nibabel.save(image, tmp_path / "nowhere.nii")
    with pytest.raises(InputError, match="no orientation"):
        read_nifti(tmp_path / "nowhere.nii")
    with pytest.raises(InputError, match="no orientation"):
        read_nifti_grid(tmp_path / "nowhere.nii")


PIXDIM, QFORM, SFORM, DATATYPE = 80, 252, 280, 70
"""Where a NIfTI-1 header has what, in bytes."""

TWO_MM = np.diag([-2.0, -2.0, 2.0, 1.0])


def headed(file: Path, *patches: tuple[int, bytes]) -> Path:
    """Write a volume of 2 mm whose header has other bytes in places, as the library itself would never write it."""
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.float32), TWO_MM), file)
    content = bytearray(file.read_bytes())
    for at, patch in patches:
        content[at : at + len(patch)] = patch
    file.write_bytes(content)
    return file


def sides(*mm: float) -> tuple[int, bytes]:
    return PIXDIM, struct.pack("<3f", *mm)


def sform(matrix: np.ndarray) -> tuple[int, bytes]:
    return SFORM, struct.pack("<12f", *matrix[:3].ravel())


QFORM_ONLY = (QFORM, struct.pack("<2h", 1, 0))
NAN, INF = float("nan"), float("inf")


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize(
    ("patches", "found"),
    [
        ([sides(-2, 2, 2)], "-2 x 2 x 2 mm by its pixdim"),
        ([sides(2, 2, 0), QFORM_ONLY], "2 x 2 x 0 mm by its pixdim"),
        ([sides(2, NAN, 2), QFORM_ONLY], "2 x nan x 2 mm by its pixdim"),
        ([sides(INF, 2, 2)], "inf x 2 x 2 mm by its pixdim"),
        ([sides(1, 1, 1)], "2 x 2 x 2 mm by its sform and of 1 x 1 x 1 mm by its pixdim"),
        ([sform(TWO_MM * NAN)], "no numbers"),
        ([sform(np.diag([-2.0, 0.0, 2.0, 1.0]))], "2 x 0 x 2 mm by its sform"),
        ([sform(TWO_MM + np.diag([INF], 3))], "no numbers"),
    ],
    ids=["negative", "zero", "nan", "infinite", "two sizes", "nan sform", "flat sform", "no place"],
)
def test_voxels_without_a_size_or_a_place_are_refused_with_a_remedy(
    tmp_path: Path, patches: list[tuple[int, bytes]], found: str
) -> None:
    file = headed(tmp_path / "odd.nii", *patches)
    for reader in (read_nifti, read_nifti_grid):
        with pytest.raises(InputError, match="nifti-geometry") as refused:
            reader(file)
        assert refused.value.parameters["file"] == str(file)
        assert found in str(refused.value.parameters["found"])
        assert "DICOM" in str(refused.value.parameters["remedy"])


def test_the_librarys_guess_is_not_told_beside_the_refusal(tmp_path: Path) -> None:
    file = headed(tmp_path / "odd.nii", sides(2, 2, 0))
    code = (
        f"from models.nifti import read_nifti\ntry:\n  read_nifti({str(file)!r})\nexcept Exception:\n  print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_header_of_a_type_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nifti-unreadable"):
        read_nifti(headed(tmp_path / "odd.nii", (DATATYPE, struct.pack("<h", 9999))))


def test_a_place_that_is_no_number_is_no_grid() -> None:
    with pytest.raises(ValueError, match="origin"):
        Grid((2, 2, 2), (1.0, 1.0, 1.0), (NAN, 0.0, 0.0))
