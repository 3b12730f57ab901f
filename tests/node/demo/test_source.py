"""Bad studies end before anything is started, in words that name the file and what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from node import reasons
from node.demo.source import read_study
from node.errors import Permanent


@pytest.fixture
def study_copy(small_study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_study, tmp_path / "study"))


def refused(folder: Path) -> tuple[str, str]:
    with pytest.raises(Permanent) as refusal:
        read_study(folder)
    return refusal.value.reason.code, reasons.text(refusal.value.reason)


def test_a_study_is_read_as_it_will_be_sent(study_copy: Path) -> None:
    (study_copy / "README.txt").write_text("about this study")
    (study_copy / ".DS_Store").write_bytes(b"\0")
    study = read_study(study_copy)
    assert len(study.files) == study.series[0].instances == len(list(study_copy.glob("*.dcm")))
    assert [path.name for path in study.passed_over] == ["README.txt"]
    assert study.patient_id == "PHANTOM-HEAD-1"
    assert study.series[0].frame_of_reference_uid


def test_a_text_file_is_no_study(tmp_path: Path) -> None:
    file = tmp_path / "study.txt"
    file.write_text("This is no study.")
    code, told = refused(file)
    assert code == "study-no-folder"
    assert "study.txt" in told
    assert "name the folder" in told


def test_a_folder_of_text_files_is_no_study(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("This is no study.")
    code, told = refused(tmp_path)
    assert code == "study-no-dicom"
    assert "a.txt" in told


def test_nothing_is_no_study(tmp_path: Path) -> None:
    assert refused(tmp_path)[0] == "folder-empty"
    assert refused(tmp_path / "nowhere")[0] == "folder-missing"


@pytest.mark.parametrize("share", [0.97, 0.6, 0.2, 0.01, 0.0])
def test_a_file_cut_in_the_middle_is_named(
    study_copy: Path, cut_file: Callable[[Path, float], None], share: float
) -> None:
    cut_file(study_copy / "0007.dcm", share)
    code, told = refused(study_copy)
    assert code == "study-file-cut"
    assert "0007.dcm" in told
    assert "copy it again" in told


def test_two_studies_are_not_one(study_copy: Path) -> None:
    dataset = dcmread(study_copy / "0003.dcm")
    dataset.StudyInstanceUID = "1.2.3"
    dataset.save_as(study_copy / "0003.dcm")
    code, told = refused(study_copy)
    assert code == "study-several"
    assert "0001.dcm" in told
    assert "0003.dcm" in told


@pytest.mark.data
def test_a_directory_file_is_passed_over(real_data: Path) -> None:
    study = read_study(real_data / "ct-head-phantom-dicom" / "no-tilt-5mm")
    assert [path.name for path in study.passed_over] == ["DIRFILE"]
