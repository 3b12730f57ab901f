"""Whose images a folder holds is proved before anything is computed; the key is its owner's alone."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pair_series import Person, series, write
from two_positions import taken_twice

from models.errors import InputError
from models.nifti import write_nifti
from models.volumes import Grid, Volume
from pipelines.errors import PipelineError, UnreadableSeries
from pipelines.pairs.inventory import Choice, take_inventory
from pipelines.pairs.key import open_key, pseudonym, with_patients
from pipelines.pairs.sources import from_images
from pipelines.reasons import text

ANNA = Person(patient_id="A-1", name="Rot^Anna", birth="19700101", sex="F")
BERT = Person(patient_id="B-2", name="Blau^Bert", birth="19651224", sex="M")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients with an MR and a CT of three slices each, among other files."""
    for person in (ANNA, BERT):
        for modality in ("MR", "CT"):
            write(small(modality, person), tmp_path / "in" / person.patient_id / modality)
    (tmp_path / "in" / "README.txt").write_text("no image")
    return tmp_path / "in"


def small(modality: str, person: Person, seed: int = 1, description: str = "") -> list:
    head = taken_twice(0.0)
    source = head.mr if modality == "MR" else head.ct
    grid = Grid((*source.grid.size[:2], 3), source.grid.spacing, source.grid.origin)
    return series(Volume(source.values[20:23], grid), modality, person, seed, description)


def refused(folder: Path, choice: Choice | None = None) -> PipelineError:
    with pytest.raises(PipelineError) as why:
        take_inventory(folder, choice or Choice())
    return why.value


def test_each_patients_series_are_found(folder: Path) -> None:
    other = small("MR", ANNA, seed=2, description="scout")
    for dataset in other:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(other, folder / "scout")
    dose = small("MR", ANNA, seed=3)
    for dataset in dose:
        dataset.Modality = "RTDOSE"
    write(dose, folder / "dose")
    found = take_inventory(folder, Choice())
    assert [patient.identity[0] for patient in found.patients] == ["A-1", "B-2"]
    assert all(
        len(one.files) == 3 and one.modality == wanted
        for patient in found.patients
        for one, wanted in ((patient.mr, "MR"), (patient.ct, "CT"))
        if one is not None or pytest.fail("a series is missing")
    )
    assert (found.not_dicom, found.other_modalities, found.localizers) == (1, 3, 3)


@pytest.mark.parametrize(
    ("keyword", "value"), [("PatientName", "Gelb^Gerda"), ("PatientBirthDate", "19700102"), ("PatientSex", "M")]
)
def test_two_patients_under_one_id_are_refused_by_name(folder: Path, keyword: str, value: str) -> None:
    for dataset in (wrong := small("CT", ANNA)):
        setattr(dataset, keyword, value)
    write(wrong, folder / "A-1" / "CT")
    why = refused(folder)
    assert why.reason.code == "pairs-several-patients"
    assert why.reason.parameters["attribute"] == keyword
    assert {"first", "second"} <= set(why.reason.parameters)
    assert len(value) < 2 or value not in str(why), "files and attributes are named, not persons"


def test_a_name_spelled_otherwise_is_the_same_person(folder: Path) -> None:
    for dataset in (same := small("CT", ANNA)):
        dataset.PatientName, dataset.PatientSex = "ROT^anna^^", ""
    write(same, folder / "A-1" / "CT")
    assert len(take_inventory(folder, Choice()).patients) == 2


def test_one_series_under_two_ids_is_refused(folder: Path) -> None:
    for dataset in (copied := small("CT", ANNA)):
        dataset.PatientID, dataset.PatientName, dataset.PatientBirthDate, dataset.PatientSex = "C-3", "", "", ""
    write(copied, folder / "C-3" / "CT")
    assert refused(folder).reason.code == "pairs-series-shared"


def test_of_several_ct_series_the_example_is_one_that_a_ct_could_have(folder: Path) -> None:
    write(small("CT", ANNA, seed=2, description="Lung 1.0"), folder / "A-1" / "CT2")
    told = text(refused(folder).reason)
    assert "--ct-series '*head*'" in told
    assert "t1" not in told


def test_two_mr_series_are_refused_until_one_is_chosen(folder: Path) -> None:
    write(small("MR", ANNA, description="t1_mprage"), folder / "A-1" / "MR")
    write(small("MR", ANNA, seed=2, description="t2_tse"), folder / "A-1" / "T2")
    why = refused(folder)
    assert why.reason.code == "pairs-series-ambiguous"
    assert "t1_mprage; t2_tse" in str(why)
    assert "--mr-series" in str(why)
    assert "--mr-series '*t1*'" in text(why.reason)
    anna, bert = take_inventory(folder, Choice(mr="*T1*")).patients
    assert anna.mr is not None
    assert anna.mr.description == "t1_mprage"
    assert bert.mr is None, "what does not fit is not taken"


def test_images_without_a_patient_id_or_no_images_are_refused(folder: Path, tmp_path: Path) -> None:
    for dataset in (nameless := small("MR", ANNA, seed=5)):
        dataset.PatientID = ""
    write(nameless, folder / "nameless")
    assert refused(folder).reason.code == "pairs-patient-unnamed"
    shutil.rmtree(folder)
    assert refused(folder).reason.code == "pairs-folder-missing"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    assert refused(folder).reason.code == "pairs-no-dicom"


def test_the_key_is_made_for_its_owner_alone_and_gives_the_same_names_again(tmp_path: Path) -> None:
    file, out = tmp_path / "keys" / "key.json", tmp_path / "out"
    key = with_patients(open_key(file, out), [("A-1", ""), ("B-2", "")])
    assert file.stat().st_mode & 0o777 == 0o600
    again = open_key(file, out)
    assert again == key
    name = pseudonym(again, ("A-1", ""))
    assert re.fullmatch(r"P[A-Z2-7]{13}", name)
    assert json.loads(file.read_text())["patients"]["A-1\x1f"] == name
    others = {pseudonym(again, who) for who in (("A-1", "x"), ("A-1x", ""), ("B-2", ""))}
    assert len(others | {name}) == 4
    assert pseudonym(open_key(tmp_path / "second.json", out), ("A-1", "")) != name, "the secret is not random"
    assert key.secret.hex() not in repr(key)
    assert sorted(path.name for path in file.parent.iterdir()) == ["key.json"]


def test_a_key_that_is_not_safe_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    file = tmp_path / "key.json"
    with pytest.raises(PipelineError, match="pairs-key-inside"):
        open_key(out / "sub" / "key.json", out)
    open_key(file, out)
    file.chmod(0o640)
    with pytest.raises(PipelineError, match="pairs-key-exposed"):
        open_key(file, out)
    for content in ("", "[]", '{"secret": "00", "patients": {}}', '{"secret": "zz", "patients": {}}'):
        file.unlink()
        file.touch(0o600)
        file.write_text(content)
        with pytest.raises(PipelineError, match="pairs-key-unreadable"):
            open_key(file, out)


def test_issuers_tell_equal_numbers_apart(folder: Path) -> None:
    other = replace(BERT, patient_id="A-1")
    for modality in ("MR", "CT"):
        for dataset in (theirs := small(modality, other, seed=9)):
            dataset.IssuerOfPatientID = "ELSEWHERE"
        write(theirs, folder / "theirs" / modality)
    assert [patient.identity for patient in take_inventory(folder, Choice()).patients] == [
        ("A-1", ""),
        ("A-1", "ELSEWHERE"),
        ("B-2", ""),
    ]


def test_a_patients_folder_of_nifti_with_other_than_one_mr_and_one_ct_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "Anna"
    folder.mkdir(parents=True)
    (source,) = from_images(tmp_path / "in")
    volume = Volume(np.zeros((3, 3, 3), np.float32), Grid((3, 3, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    write_nifti(volume, folder / "ct.nii.gz")
    with pytest.raises(UnreadableSeries, match="pairs-series-missing"):
        source.read()
    for name in ("mr.nii.gz", "mr_2.nii.gz"):
        write_nifti(volume, folder / name)
    with pytest.raises(UnreadableSeries, match="pairs-images-several"):
        source.read()
    (folder / "mr_2.nii.gz").unlink()
    assert source.read().mr.grid.size == (3, 3, 3)
    (folder / "mr.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"nifti-unreadable file=.*mr\.nii\.gz"):
        source.read()
    with pytest.raises(PipelineError, match="pairs-folder-missing"):
        from_images(folder)
