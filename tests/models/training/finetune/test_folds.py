"""No patient learns, stops and judges at once, whatever the folders are called."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from site_pairs import write_site

from models.errors import PairsError
from models.pairs import PairFolder, read_pairs
from models.training.finetune.folds import check_no_leak, folds_of
from models.volumes import Grid

GRID = Grid((2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def folder(patient: str, case: str) -> PairFolder:
    place = Path(patient)
    return PairFolder(patient, place, place / "mr", place / "ct", place / "mask", GRID, {"case": case})


@given(
    cases=st.lists(st.integers(0, 12), min_size=3, max_size=40).filter(lambda cases: len(set(cases)) >= 3),
    count=st.integers(3, 8),
    seed=st.integers(0, 5),
)
def test_every_pair_is_judged_once_and_no_case_is_on_two_sides(cases: list[int], count: int, seed: int) -> None:
    pairs = [folder(f"P{number}", f"C{case}") for number, case in enumerate(cases)]
    folds = folds_of(pairs, count, seed)
    assert len(folds) == min(count, len(set(cases)))
    assert sorted(pair.patient for fold in folds for pair in fold.test) == sorted(pair.patient for pair in pairs)
    for fold in folds:
        parts = [{pair.case for pair in part} for part in (fold.train, fold.validate, fold.test)]
        assert all(parts)
        assert len(set().union(*parts)) == sum(len(part) for part in parts)
        assert sum(len(part) for part in (fold.train, fold.validate, fold.test)) == len(pairs)


@pytest.mark.parametrize("cases", [["a"], ["a", "b"], ["a", "a", "b", "b"]])
def test_too_few_patients_whatever_the_number_of_pairs(cases: list[str]) -> None:
    with pytest.raises(PairsError, match=r"pairs-too-few.*accepted=3"):
        folds_of([folder(f"P{number}", case) for number, case in enumerate(cases)], 5, 0)


def test_folds_repeat_and_follow_their_seed() -> None:
    pairs = [folder(f"P{number}", f"C{number}") for number in range(12)]
    assert folds_of(pairs, 5, 1) == folds_of(pairs, 5, 1)
    assert folds_of(pairs, 5, 1) != folds_of(pairs, 5, 2)


def test_one_person_under_two_names_is_found_by_the_voxels(tmp_path: Path) -> None:
    site = write_site(tmp_path, 3)
    check_no_leak(read_pairs(site), ())
    # The same CT in another file: other compression, other patient.
    (site / "P001" / "ct.nii.gz").write_bytes(
        gzip.compress(gzip.decompress((site / "P002" / "ct.nii.gz").read_bytes()), 1)
    )
    with pytest.raises(PairsError, match="patient-doubled"):
        check_no_leak(read_pairs(site), ())


def test_one_person_in_two_contrasts_stays_together(tmp_path: Path) -> None:
    site = write_site(tmp_path, 4)
    shutil.copy(site / "P000" / "ct.nii.gz", site / "P001" / "ct.nii.gz")
    for name in ("P000", "P001"):
        (site / name / "about.json").write_text(json.dumps({"patient": name, "case": "anna"}))
    pairs = read_pairs(site)
    check_no_leak(pairs, ())
    for fold in folds_of(pairs, 3, 0):
        for part in (fold.train, fold.validate, fold.test):
            assert {pair.patient for pair in part} & {"P000", "P001"} in (set(), {"P000", "P001"})


def test_two_people_under_one_name_are_refused(tmp_path: Path) -> None:
    site = write_site(tmp_path, 3)
    shutil.copy(site / "P001" / "mr.nii.gz", site / "P000" / "mr_2.nii.gz")
    with pytest.raises(PairsError, match="pair-several-images"):
        read_pairs(site)
