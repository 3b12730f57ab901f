"""A folder of pairs is taken as SynthRAD lays it out, and refused by name where it is not."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from json import dumps
from pathlib import Path

import numpy as np
import pytest

from models.errors import PairsError
from models.nifti import read_nifti, write_nifti
from models.pairs import Pair, load_pair, read_pairs, write_pair
from models.pairs.distinct import check_distinct, fingerprint
from models.volumes import Grid, Volume

GRID = Grid((12, 10, 8), (4.0, 4.0, 5.0), (-22.0, -18.0, -17.5))


def made(patient: str, seed: int = 0) -> Pair:
    rng = np.random.default_rng(seed)
    mask = np.zeros(GRID.shape, bool)
    mask[2:6, 2:8, 2:10] = True
    mr = np.where(mask, rng.uniform(100, 900, GRID.shape), 5.0).round().astype(np.float32)
    ct = np.where(mask, rng.uniform(-150, 900, GRID.shape), -1000.0).round().astype(np.float32)
    return Pair(patient, Volume(mr, GRID), Volume(ct, GRID), Volume(mask, GRID))


def _says(**content: object) -> Callable[[Path], object]:
    return lambda patient: (patient / "about.json").write_text(dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients as SynthRAD names them, with its folder of pictures."""
    for seed, patient in enumerate(("1BA001", "1BA005")):
        write_pair(made(patient, seed), tmp_path, {"site": "A"})
    (tmp_path / "overview").mkdir()
    (tmp_path / "aside" / "1BA009").mkdir(parents=True)
    return tmp_path


def test_what_was_written_comes_back(folder: Path) -> None:
    pairs = read_pairs(folder)
    assert [pair.patient for pair in pairs] == ["1BA001", "1BA005"]
    assert pairs[0].about == {"site": "A", "patient": "1BA001"}
    pair = load_pair(pairs[1])
    expected = made("1BA005", 1)
    assert np.array_equal(pair.mr.values, expected.mr.values)
    assert np.array_equal(pair.ct.values, expected.ct.values)
    assert np.array_equal(pair.mask.values, expected.mask.values)
    assert pair.mask.values.dtype == bool
    assert np.allclose(pair.mr.grid.affine, GRID.affine, atol=1e-4)


def refusal(folder: Path) -> PairsError:
    with pytest.raises(PairsError) as refused:
        loaded(folder)
    return refused.value


def loaded(folder: Path) -> list[Pair]:
    return [load_pair(pair) for pair in read_pairs(folder)]


def swap_names(patient: Path) -> None:
    (patient / "mr.nii.gz").rename(patient / "x")
    (patient / "ct.nii.gz").rename(patient / "mr.nii.gz")
    (patient / "x").rename(patient / "ct.nii.gz")


def other_grid(patient: Path) -> None:
    mr = read_nifti(patient / "mr.nii.gz")
    write_nifti(Volume(mr.values, replace(mr.grid, origin=(-21.0, -18.0, -17.5))), patient / "mr.nii.gz")


def changed(patient: Path, part: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    volume = read_nifti(patient / f"{part}.nii.gz")
    write_nifti(Volume(change(volume.values).astype(np.float32), volume.grid), patient / f"{part}.nii.gz")


def other_image(patient: Path, name: str) -> None:
    (patient / name).parent.mkdir(exist_ok=True)
    shutil.copy(patient / "mr.nii.gz", patient / name)


def with_one_nan(values: np.ndarray) -> np.ndarray:
    values[0, 0, 0] = np.nan
    return values


BAD = {
    "swapped names": (swap_names, "pair-names-swapped", "exchange"),
    "no mask": (lambda p: (p / "mask.nii.gz").unlink(), "pair-file-missing", "mask.nii.gz"),
    "no CT": (lambda p: (p / "ct.nii.gz").unlink(), "pair-file-missing", "ct.nii.gz"),
    "two MR": (lambda p: other_image(p, "mr_2.nii.gz"), "pair-several-images", "mr_2.nii.gz"),
    "packed and unpacked": (lambda p: other_image(p, "mr.nii"), "pair-several-images", "mr.nii "),
    "a patient in a patient": (lambda p: other_image(p, "again/mr.nii.gz"), "pair-several-images", "again/mr.nii.gz"),
    "grids differ": (other_grid, "pair-grids-differ", "models pairs"),
    "another's about": (
        lambda p: (p / "about.json").write_text(dumps({"patient": "1BA777"})),
        "pair-several-patients",
        "1BA777",
    ),
    "about is no JSON": (lambda p: (p / "about.json").write_text("{"), "about-unreadable", "about.json"),
    "a contrast that is a number": (_says(contrast=5), "about-unreadable", "key=contrast found=5"),
    "a case that is a list": (_says(case=["x"]), "about-unreadable", "key=case found=['x']"),
    "a case that is nothing": (_says(case=""), "about-unreadable", "key=case found=''"),
    "a yes in words": (_says(simulated="yes"), "about-unreadable", "key=simulated found='yes' accepted=true or false"),
    "CT is not rescaled": (lambda p: changed(p, "ct", lambda v: v + 1024), "ct-not-hu", "rescale"),
    "CT is padded": (lambda p: changed(p, "ct", lambda v: np.where(v == -1000, -2048, v)), "ct-not-hu", "-2048"),
    "CT in MR's place": (lambda p: changed(p, "mr", lambda v: v - 1000), "mr-looks-like-hu", "mr.nii.gz"),
    "the CT twice": (lambda p: shutil.copy(p / "ct.nii.gz", p / "mr.nii.gz"), "pair-same-image", "mr.nii.gz"),
    "NaN": (lambda p: changed(p, "mr", with_one_nan), "image-not-finite", "found=1 voxels"),
    "constant": (lambda p: changed(p, "mr", lambda v: 0 * v + 7), "image-constant", "7 in every voxel"),
    "mask of labels": (lambda p: changed(p, "mask", lambda v: 3 * v), "mask-not-binary", "up to 3"),
    "empty mask": (lambda p: changed(p, "mask", lambda v: 0 * v), "mask-empty", "mask.nii.gz"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_pair_is_refused_by_name(folder: Path, case: str) -> None:
    damage, code, told = BAD[case]
    damage(folder / "1BA005")
    why = refusal(folder)
    assert why.code == code
    assert told in str(why)
    assert "1BA005" in str(why)


def test_one_person_under_two_names_is_refused(folder: Path) -> None:
    shutil.copy(folder / "1BA001" / "ct.nii.gz", folder / "1BA005" / "ct.nii.gz")
    assert refusal(folder).code == "patient-doubled"


def test_names_that_differ_in_capitals_alone_are_refused(folder: Path) -> None:
    write_pair(made("1ba001", 4), folder)
    assert refusal(folder).code == "patient-doubled"


def test_a_copy_that_was_stored_otherwise_is_found_by_its_voxels(folder: Path) -> None:
    mr = read_nifti(folder / "1BA001" / "mr.nii.gz")
    turned = Volume(
        np.ascontiguousarray(mr.values.transpose(0, 2, 1)[:, ::-1]),
        Grid(
            (10, 12, 8),
            (4.0, 4.0, 5.0),
            (22.0, -18.0, -17.5),
            ((0.0, 1.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
        ),
    )
    assert fingerprint(turned) == fingerprint(mr)
    assert fingerprint(Volume(mr.values[::-1], mr.grid)) != fingerprint(mr)
    pairs = [(patient, [folder / patient / "mr.nii.gz"]) for patient in ("1BA001", "1BA005")]
    check_distinct(pairs)
    shutil.rmtree(folder / "1BA005")
    write_pair(replace(made("1BA005", 1), mr=Volume(mr.values + 0.0, mr.grid)), folder)
    packed = folder / "1BA005" / "mr.nii.gz"
    write_nifti(mr, packed, np.float32)
    packed.write_bytes(gzip.compress(gzip.decompress(packed.read_bytes()), 1))
    with pytest.raises(PairsError) as refused:
        check_distinct(pairs)
    assert refused.value.code == "patient-doubled"


def test_no_pairs_at_all_is_said(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent").code == "pairs-missing"
    assert refusal(tmp_path).code == "pairs-missing"
    (tmp_path / "Müller, Anna").mkdir()
    assert refusal(tmp_path).code == "patient-name-unfit"


def test_a_pair_is_never_overwritten_nor_half_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PairsError) as refused:
        write_pair(made("1BA001", 3), folder)
    assert refused.value.code == "pair-exists"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.pairs.layout.write_nifti", full)
    with pytest.raises(OSError, match="No space"):
        write_pair(made("1BA002", 3), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["1BA001", "1BA005", "aside", "overview"]
