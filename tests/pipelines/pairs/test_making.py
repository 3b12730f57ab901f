"""From DICOM to pairs, end to end: everybody ends somewhere, and nothing of a person leaves but the anatomy."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from json import loads
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pair_series import Person, series, write, write_patient
from two_positions import taken_twice
from typer.testing import CliRunner, Result

from models.cli import app as models_app
from models.nifti import read_nifti, write_nifti
from models.pairs import load_pair, read_pairs
from models.volumes import Volume
from node.cli.pairs import pairs

pytestmark = pytest.mark.slow

OTHER = Person(
    "5512094321", "Tschudi^Verena", "19551209", "F", "Aebi", "Nussbaumer^Ulrich", "Spital Obertal", "ACC99812"
)
POOR = replace(OTHER, patient_id="7712345670", name="Quellmalz^Ida", accession="ACC4440")


def run(*arguments: object) -> Result:
    if not any(command.callback is pairs for command in models_app.registered_commands):
        models_app.command()(pairs)
    return CliRunner().invoke(
        models_app, ["pairs", *map(str, arguments), "--voxel-mm", "4", "--control-mm", "0", "--json"]
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Two patients, one whose CT is somebody else's, one without a CT, one with a slice missing."""
    here = tmp_path_factory.mktemp("site")
    write_patient(Person(), here / "in" / "one")
    write_patient(OTHER, here / "in" / "two", seed=2)
    write_patient(POOR, here / "in" / "three", scale=0.85, seed=3)
    no_ct = replace(POOR, patient_id="440155667", name="Ohnesorg^Karl")
    write_patient(no_ct, here / "in" / "four", seed=4)
    shutil.rmtree(here / "in" / "four" / "ct")
    gap = replace(POOR, patient_id="440255668", name="Lueckert^Pia")
    write_patient(gap, here / "in" / "five", seed=5)
    (here / "in" / "five" / "ct" / "0030.dcm").unlink()
    result = run("--dicom", here / "in", "--out", here / "out", "--key", here / "key.json", "--contrast", "t1")
    assert result.exit_code == 0, result.output
    return here, loads(result.stdout.strip().splitlines()[-1])


def test_a_contrast_that_nobody_knows_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    result = run("--dicom", tmp_path, "--out", tmp_path / "out", "--key", tmp_path / "key.json", "--contrast", "t9")
    assert result.exit_code == 2
    assert "contrast-unknown: t9 is no contrast. Accepted: T1, T2, FLAIR, PD" in result.stderr
    assert not list(tmp_path.iterdir())


def test_everybody_ends_somewhere_with_the_reason(made: tuple[Path, dict]) -> None:
    here, said = made
    assert said["counts"] == {"good": 2, "poor": 1, "failed": 2, "there": 0}
    names = loads((here / "key.json").read_text())["patients"]
    ends = {end["patient"]: end for end in said["patients"]}
    assert set(ends) == set(names.values())
    assert any("outlines" in why for why in ends[names["7712345670\x1f"]]["reasons"])
    assert "no CT series" in ends[names["440155667\x1f"]]["reasons"][0]
    assert "missing" in ends[names["440255668\x1f"]]["reasons"][0]
    assert {path.name for path in (here / "out" / "aside").iterdir()} == {
        names[who + "\x1f"] for who in ("7712345670", "440155667", "440255668")
    }


def test_good_pairs_are_taken_by_the_training_with_their_contrast(made: tuple[Path, dict]) -> None:
    here, _ = made
    found = read_pairs(here / "out")
    assert len(found) == 2
    for pair in found:
        loaded = load_pair(pair)
        assert loaded.mask.values.mean() > 0.1
        assert pair.about is not None
        assert pair.about["contrast"] == "T1"
        assert pair.about["mr"] == {"MagneticFieldStrength": 1.5, "EchoTime": 3.1}
        assert "recognised" in str(pair.about["recognisable"])


def test_nothing_of_a_person_is_in_any_byte_that_leaves(made: tuple[Path, dict]) -> None:
    here, _ = made
    secrets = {one for person in (Person(), OTHER, POOR) for one in person.secrets} | {
        "Ohnesorg",
        "440155667",
        "Lueckert",
    }
    secrets |= {loads((here / "key.json").read_text())["secret"]}
    looked = 0
    for file in (path for path in (here / "out").rglob("*") if path.is_file()):
        content = file.read_bytes()
        if file.suffix == ".gz":
            content += gzip.decompress(content)[:2000]  # the header, its free texts and extensions; voxels follow
        for one in secrets:
            for spelled in (one, one.upper(), one.lower()):
                # Three or four digits may stand among the voxels by chance; in names and headers they are looked for.
                text = str(file.relative_to(here / "out")).encode() + content
                if len(spelled) > 5 or file.suffix == ".json":
                    assert spelled.encode() not in text, f"{one} in {file}"
        looked += 1
    assert looked >= 2 * 5 + 4
    assert (here / "key.json").stat().st_mode & 0o777 == 0o600
    assert not any("key" in path.name for path in (here / "out").rglob("*"))


def test_a_second_run_leaves_what_is_there_and_gives_the_same_names(made: tuple[Path, dict]) -> None:
    here, first = made
    kept = sorted((here / "out").glob("P*/ct.nii.gz"))
    before = [file.stat().st_mtime_ns for file in kept]
    only = here / "again"
    shutil.copytree(here / "in" / "one", only / "one", dirs_exist_ok=True)
    # The same person under another number: found by the voxels, whatever the headers say.
    write_patient(replace(OTHER, patient_id="999000", name="Anders^Rum"), only / "twin", seed=1)
    result = run("--dicom", only, "--out", here / "out", "--key", here / "key.json")
    said = loads(result.stdout.strip().splitlines()[-1])
    assert said["counts"] == {"good": 0, "poor": 0, "failed": 1, "there": 1}
    ends = {end["state"]: end for end in said["patients"]}
    there, twin = ends["there"], ends["failed"]
    assert there["patient"] in {end["patient"] for end in first["patients"]}
    assert twin["reasons"] == [f"the same image as patient {there['patient']}"]
    assert [file.stat().st_mtime_ns for file in kept] == before
    # And in a later export without the first: what lies in the folder of pairs counts, not what is in this run.
    shutil.rmtree(only / "one")
    alone = run("--dicom", only, "--out", here / "out", "--key", here / "key.json")
    (end,) = loads(alone.stdout.strip().splitlines()[-1])["patients"]
    assert end["reasons"] == [f"the same image as patient {there['patient']}"]


def test_the_same_images_under_two_ids_are_set_aside_by_name(tmp_path: Path) -> None:
    write_patient(Person(), tmp_path / "in" / "one")
    write_patient(OTHER, tmp_path / "in" / "two")
    result = run("--dicom", tmp_path / "in", "--out", tmp_path / "out", "--key", tmp_path / "key.json")
    said = loads(result.stdout.strip().splitlines()[-1])
    assert said["counts"] == {"good": 1, "poor": 0, "failed": 1, "there": 0}
    (end,) = [one for one in said["patients"] if one["state"] == "failed"]
    assert "the same image" in end["reasons"][0]


def test_images_that_were_never_registered_become_pairs(tmp_path: Path) -> None:
    write_patient(Person(), tmp_path / "dicom")
    result = run("--dicom", tmp_path / "dicom", "--out", tmp_path / "first", "--key", tmp_path / "key.json")
    (kept,) = read_pairs(tmp_path / "first")
    folder = tmp_path / "in" / "Müller Anna"
    folder.mkdir(parents=True)
    mr, ct = read_nifti(kept.mr), read_nifti(kept.ct)
    write_nifti(mr, folder / "mr.nii.gz")
    moved = replace(ct.grid, origin=(ct.grid.origin[0] + 30, ct.grid.origin[1] - 20, ct.grid.origin[2] + 5))
    write_nifti(Volume(ct.values, moved), folder / "ct.nii.gz")
    swapped = tmp_path / "in" / "Swapped"
    swapped.mkdir()
    rng = np.random.default_rng(1)
    write_nifti(Volume(mr.values + rng.integers(0, 2, mr.values.shape), mr.grid), swapped / "ct.nii.gz")
    write_nifti(Volume(ct.values + rng.integers(0, 2, ct.values.shape), ct.grid), swapped / "mr.nii.gz")
    for kind, name in ((np.complex64, "Complex"), ([("R", "u1"), ("G", "u1"), ("B", "u1")], "In colours")):
        odd = tmp_path / "in" / name
        shutil.copytree(folder, odd)
        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), kind), np.eye(4)), odd / "mr.nii.gz")
    result = run("--images", tmp_path / "in", "--out", tmp_path / "out", "--key", tmp_path / "key.json")
    said = loads(result.stdout.strip().splitlines()[-1])
    assert said["counts"] == {"good": 1, "poor": 0, "failed": 3, "there": 0}, said
    reasons = sorted(end["reasons"][0] for end in said["patients"] if end["state"] == "failed")
    assert "found=RGB" in reasons[1]
    assert "found=complex64" in reasons[0]
    assert all(why.startswith("nifti-datatype ") for why in reasons[:2])
    assert "pair-names-swapped" in reasons[2]
    (pair,) = read_pairs(tmp_path / "out")
    assert np.abs(load_pair(pair).ct.values - ct.values)[load_pair(pair).mask.values].mean() < 120
    assert "ller" not in str(sorted((tmp_path / "out").rglob("*")))


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (["--key", "{out}/key.json"], "pairs-key-inside"),
        (["--out", "{in}/pairs"], "pairs-out-overlaps"),
        (["--dicom", "{in}/absent"], "pairs-folder-missing"),
    ],
)
def test_a_refusal_is_one_line_and_exit_status_2(tmp_path: Path, case: list[str], told: str) -> None:
    (tmp_path / "in").mkdir()
    paths = {"in": tmp_path / "in", "out": tmp_path / "out"}
    options = {"--dicom": tmp_path / "in", "--out": tmp_path / "out", "--key": tmp_path / "key.json"}
    options[case[0]] = Path(case[1].format(**paths))
    result = run(*(part for pair in options.items() for part in pair))
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
    assert not (tmp_path / "out").exists()


def test_series_of_two_people_stop_the_command(tmp_path: Path) -> None:
    write_patient(Person(), tmp_path / "in")
    write(series(taken_twice(0.0).ct, "CT", replace(Person(), name="Fremd^Frida")), tmp_path / "in" / "ct")
    result = run("--dicom", tmp_path / "in", "--out", tmp_path / "out", "--key", tmp_path / "key.json")
    assert result.exit_code == 2
    assert "pairs-several-patients" in result.stderr
    assert not (tmp_path / "key.json").exists()
