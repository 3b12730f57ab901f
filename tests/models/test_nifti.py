"""NIfTI in and out keeps every voxel where it is in the patient."""

from __future__ import annotations

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
