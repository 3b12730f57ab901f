"""NIfTI in and out keeps every voxel where it is in the patient."""

from __future__ import annotations

import re
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

from models.anatomy.reading import read_labels
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


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize("suffix", [".nii.gz", ".nii.bz2", ".nrrd"])
@pytest.mark.parametrize("at", [0.3, 0.5, 0.7, 0.9])
def test_one_changed_byte_in_a_compressed_file_is_found(tmp_path: Path, suffix: str, at: float) -> None:
    """The library decodes what it can, and most changes can be: then the voxels are others, and nothing says so."""
    file = tmp_path / f"map{suffix}"
    values = np.random.default_rng(0).integers(0, 900, (24, 24, 24)).astype(np.int16)
    if suffix == ".nrrd":
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values), str(file), True)
    else:
        nibabel.save(nibabel.Nifti1Image(values, TWO_MM), file)
    readers = (read_labels,) if suffix == ".nrrd" else (read_nifti, read_labels)
    for reader in readers:
        reader(file)
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    file.write_bytes(content)
    for reader in readers:
        with pytest.raises(InputError, match="-unreadable") as refused:
            reader(file)
        assert refused.value.parameters["file"] == str(file)


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


COLOURS = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize(
    ("kind", "found"),
    [(COLOURS, "RGB (datatype 128)"), (np.dtype(np.complex64), "complex64 (datatype 32)")],
    ids=["colours", "complex"],
)
def test_voxels_that_are_not_one_number_each_are_refused_by_name(tmp_path: Path, kind: np.dtype, found: str) -> None:
    file = tmp_path / "odd.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), kind), TWO_MM), file)
    for reader in (read_nifti, read_nifti_grid, read_labels):
        with pytest.raises(InputError, match="nifti-datatype") as refused:
            reader(file)
        assert refused.value.parameters["file"] == str(file)
        assert refused.value.parameters["found"] == found
        assert refused.value.parameters["remedy"]


UNITS = 123


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize(("unit", "found"), [(1, "metres"), (3, "micrometres"), (5, "there is not"), (3 + 8, "metres")])
def test_voxels_in_another_unit_than_millimetres_are_refused(tmp_path: Path, unit: int, found: str) -> None:
    file = headed(tmp_path / "odd.nii", (UNITS, bytes([unit])))
    for reader in (read_nifti, read_nifti_grid, read_labels):
        with pytest.raises(InputError, match="nifti-geometry") as refused:
            reader(file)
        assert found in str(refused.value.parameters["found"])
        assert refused.value.parameters["accepted"] == "millimetres"


@pytest.mark.parametrize("unit", [0, 2, 2 + 8])
def test_millimetres_may_be_left_unsaid(tmp_path: Path, unit: int) -> None:
    assert read_nifti(headed(tmp_path / "plain.nii", (UNITS, bytes([unit])))).grid.spacing == (2.0, 2.0, 2.0)


def two_forms(file: Path, sform: np.ndarray, qform: np.ndarray, codes: tuple[int, int] = (1, 1)) -> Path:
    image = nibabel.Nifti1Image(np.ones((40, 50, 60), np.float32), sform)
    image.set_sform(sform, codes[0])
    image.set_qform(qform, codes[1])
    nibabel.save(image, file)
    return file


def turned(degrees: float, shift: float = 0.0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("z", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize(
    "qform", [turned(180), turned(2), turned(0, 1.0), TWO_MM / 2], ids=["turned", "tilted", "moved", "mirrored"]
)
def test_two_forms_that_contradict_each_other_are_refused_by_both_names(tmp_path: Path, qform: np.ndarray) -> None:
    file = two_forms(tmp_path / "two.nii", turned(0), qform, (2, 1))
    for reader in (read_nifti, read_nifti_grid):
        with pytest.raises(InputError, match="nifti-geometry") as refused:
            reader(file)
        assert "sform (code 2) and qform (code 1)" in str(refused.value.parameters["found"])
        assert "code to 0" in str(refused.value.parameters["remedy"])


@pytest.mark.parametrize(
    ("qform", "codes"), [(turned(0.5), (1, 1)), (turned(180), (1, 0)), (turned(90), (0, 1))], ids=["near", "s", "q"]
)
def test_forms_that_agree_and_one_alone_are_taken(tmp_path: Path, qform: np.ndarray, codes: tuple[int, int]) -> None:
    grid = read_nifti(two_forms(tmp_path / "one.nii", turned(0), qform, codes)).grid
    expected = np.diag([-1, -1, 1, 1]) @ (turned(0) if codes[0] else qform)
    assert np.allclose(grid.affine, expected, atol=1e-4)


def test_a_qform_that_is_no_rotation_is_refused_although_the_sform_would_do(tmp_path: Path) -> None:
    quaternion = (256, struct.pack("<3f", 2.0, 2.0, 2.0))
    with pytest.raises(InputError, match="no rotation"):
        read_nifti(headed(tmp_path / "odd.nii", (QFORM, struct.pack("<2h", 1, 1)), quaternion))


def test_what_is_sheared_is_told_in_digits_that_can_be_read(tmp_path: Path) -> None:
    sheared = np.eye(4)
    sheared[0, 1] = 1 / 3
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2)), sheared), tmp_path / "sheared.nii")
    with pytest.raises(InputError) as refused:
        read_nifti(tmp_path / "sheared.nii")
    assert not re.search(r"\d\.\d{5}", str(refused.value))


def test_a_header_of_a_type_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nifti-unreadable"):
        read_nifti(headed(tmp_path / "odd.nii", (DATATYPE, struct.pack("<h", 9999))))


def test_a_place_that_is_no_number_is_no_grid() -> None:
    with pytest.raises(ValueError, match="origin"):
        Grid((2, 2, 2), (1.0, 1.0, 1.0), (NAN, 0.0, 0.0))
