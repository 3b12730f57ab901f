"""Run on files: NIfTI in, NIfTI out on the same grid, told what it is; what cannot be computed is refused."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import InputError
from models.gate.unverifiable import unverifiable_demands
from models.packages import load_package
from models.packages.running import run_package

Writer = Callable[[], Path]

SIZE, MM = (46, 44, 42), 2.0


@pytest.fixture
def package(write_small_package: Writer, small_card: dict[str, Any]) -> Path:
    """A small model of a body site that is no head, so that a ball in air is taken for a body."""
    small_card["body_site"] = "ball"
    small_card["inputs"][0]["min_field_of_view_mm"] = 40.0
    return write_small_package()


@pytest.fixture
def limits_of(package: Path) -> Callable[..., Any]:
    """Return the small model's limits with changes."""
    return lambda **changes: load_package(package).card.inputs[0].model_copy(update=changes)


def ball(size: tuple[int, ...] = SIZE) -> np.ndarray:
    """A bright ball with structure in noise, array (i, j, k)."""
    at = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij"))
    rng = np.random.default_rng(3)
    body = np.linalg.norm(at, axis=0) < 0.7
    return np.abs(body * (400 + 200 * np.sin(9 * at[0])) + rng.normal(0, 4, size)).astype(np.float32)


def saved(file: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    turned = np.diag([-MM, -MM, MM, 1.0]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values, turned), file)
    return file


def test_image_uncertainty_and_record_lie_side_by_side_on_the_inputs_grid(package: Path, tmp_path: Path) -> None:
    turned = np.array([[0, 0, 2.0, -40], [-2.1, 0, 0, 55], [0, -2.0, 0, 60], [0, 0, 0, 1.0]])
    source = saved(tmp_path / "in.nii.gz", ball(), turned)
    output = tmp_path / "out" / "ct.nii.gz"
    output.parent.mkdir()
    done = run_package(load_package(package), {"t1": source}, output)
    image = nibabel.load(output)
    assert image.shape == SIZE
    np.testing.assert_allclose(image.affine, turned, atol=1e-4)
    assert image.get_data_dtype() == np.int16
    assert bytes(image.header["descrip"]).startswith(b"SYNTHETIC CT small 1.2.3")
    uncertainty = nibabel.load(output.parent / "ct.uncertainty.nii.gz")
    assert uncertainty.shape == SIZE
    scales = uncertainty.get_fdata()
    asked = np.isfinite(scales)
    assert 0 < asked.mean() < 1
    assert scales[asked].min() > 1  # and no 0, which would say that it is certain
    assert (image.get_fdata()[~asked] == -1000).all()
    record = json.loads((output.parent / "ct.json").read_text())
    assert record["disclaimer"] == "Research use only. Not a medical device."
    assert record["package"]["sha256"] == load_package(package).sha256
    assert record["inputs"]["mr"]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert record["precision"] in ("float32", "bfloat16")
    assert record["tile_plan"]["tile"] == [16, 16, 16]
    assert record["uncertainty"] == "uncalibrated"
    assert {file.name for file in output.parent.iterdir()} == {"ct.nii.gz", "ct.uncertainty.nii.gz", "ct.json"}
    assert done.output == output


def test_a_mirrored_affine_changes_nothing_in_space(package: Path, tmp_path: Path) -> None:
    """Negative spacing is a direction: the same body stored backwards gives the same image in space."""
    values = ball()
    plain = saved(tmp_path / "plain.nii.gz", values)
    flipped = np.diag([MM, -MM, MM, 1.0])
    flipped[0, 3] = -MM * (SIZE[0] - 1)
    backwards = saved(tmp_path / "backwards.nii.gz", values[::-1], flipped)
    outputs = []
    for file in (plain, backwards):
        output = tmp_path / f"out_{file.name}"
        run_package(load_package(package), {"mr": file}, output)
        outputs.append(nibabel.load(output).get_fdata())
    assert np.abs(outputs[0] - outputs[1][::-1]).max() <= 1
    assert outputs[0].std() > 1  # an image that knows sides


@pytest.mark.parametrize(
    ("values", "affine", "check"),
    [
        (np.where(ball() > 500, np.nan, ball()), None, "intensity-finite"),
        (np.full(SIZE, 7, np.float32), None, "intensity-varied"),
        (ball((46, 44, 1)), None, "slice-count"),
        (ball((30, 30, 1000)), None, "field-of-view"),
        (ball((100, 100, 12)), np.diag([0.5, 0.5, 10.0, 1.0]), "voxel-size"),
    ],
    ids=["nan", "constant", "one slice", "1,000 slices of 2 m", "anisotropy 1:20"],
)
def test_what_the_card_excludes_is_refused_by_the_gate(
    package: Path, tmp_path: Path, values: np.ndarray, affine: np.ndarray | None, check: str
) -> None:
    source = saved(tmp_path / "in.nii.gz", values, affine)
    with pytest.raises(InputError) as caught:
        run_package(load_package(package), {"mr": source}, tmp_path / "out.nii.gz")
    assert caught.value.code == "input-refused"
    told = caught.value.parameters
    assert (told["input"], told["file"]) == ("mr", str(source))
    assert check in str(caught.value.parameters["check"])
    assert not (tmp_path / "out.nii.gz").exists()


def test_a_thousand_thin_slices_and_anisotropy_are_computed_where_the_card_allows_them(
    write_small_package: Writer, small_card: dict[str, Any], tmp_path: Path
) -> None:
    small_card["body_site"] = "ball"
    small_card["inputs"][0] |= {"max_slice_mm": 10.0, "min_slices": 6, "min_field_of_view_mm": 40.0}
    package = load_package(write_small_package())
    for size, affine in (
        ((46, 44, 1000), np.diag([2.0, 2.0, 0.085, 1.0])),
        ((46, 180, 9), np.diag([2.0, 0.5, 10.0, 1.0])),
    ):
        source = saved(tmp_path / "in.nii.gz", ball(size), affine)
        run_package(package, {"mr": source}, tmp_path / "out.nii.gz")
        assert nibabel.load(tmp_path / "out.nii.gz").shape == size


def test_a_volume_of_several_channels_is_refused(package: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "in.nii.gz", np.stack([ball(), ball()], axis=-1))
    with pytest.raises(InputError, match="nifti-not-3d"):
        run_package(load_package(package), {"mr": source}, tmp_path / "out.nii.gz")


@pytest.mark.parametrize(
    ("named", "code"),
    [(["t2"], "input-unknown"), ([], "input-missing"), (["mr", "t1"], "input-doubled")],
)
def test_inputs_that_are_not_the_cards_are_refused(package: Path, tmp_path: Path, named: list[str], code: str) -> None:
    source = saved(tmp_path / "in.nii.gz", ball())
    with pytest.raises(InputError) as caught:
        run_package(load_package(package), dict.fromkeys(named, source), tmp_path / "out.nii.gz")
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["out.mha", "nowhere/out.nii.gz", ".nii.gz"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_computed(
    package: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(InputError, match="output-unfit"):
        run_package(load_package(package), {"mr": tmp_path / "not there"}, tmp_path / name)


def test_the_command_tells_where_everything_lies(package: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "in.nii.gz", ball())
    command = ["run", str(package), "--input", f"t1={source}", "--output", str(tmp_path / "out.nii.gz"), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output.strip().splitlines()[-1])
    assert Path(told["uncertainty"]).is_file()
    assert told["made"]["package"]["name"] == "small"


@pytest.mark.parametrize("given", ["in.nii.gz", "t1=", "t1=missing.nii.gz"])
def test_the_command_refuses_in_one_line(package: Path, tmp_path: Path, given: str) -> None:
    result = CliRunner().invoke(app, ["run", str(package), "--input", given, "--output", str(tmp_path / "o.nii.gz")])
    assert result.exit_code == 2
    assert len(result.output.strip().splitlines()) == 1


PIXDIM, QFORM, SFORM = 80, 252, 280
"""Where a NIfTI-1 header has what, in bytes."""


@pytest.mark.hazard("HAZ-04")
@pytest.mark.parametrize(
    ("at", "patch"),
    [
        (PIXDIM, struct.pack("<3f", MM, -MM, MM)),
        (PIXDIM, struct.pack("<3f", MM, MM, 0)),
        (PIXDIM, struct.pack("<3f", float("nan"), MM, MM)),
        (SFORM, struct.pack("<12f", *[float("nan")] * 12)),
    ],
    ids=["negative", "zero", "nan", "nan sform"],
)
@pytest.mark.parametrize("forms", [(0, 1), (1, 0)], ids=["sform", "qform"])
def test_the_command_refuses_voxels_without_a_size_in_one_line(
    package: Path, tmp_path: Path, at: int, patch: bytes, forms: tuple[int, int]
) -> None:
    if (at, forms) == (SFORM, (1, 0)):
        forms = (1, 2)  # the qform would do, but what is stated better is broken
    source = saved(tmp_path / "in.nii", ball())
    content = bytearray(source.read_bytes())
    content[QFORM : QFORM + 4] = struct.pack("<2h", *forms)
    content[at : at + len(patch)] = patch
    source.write_bytes(content)
    command = ["run", str(package), "--input", f"t1={source}", "--output", str(tmp_path / "o.nii.gz")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    (told,) = result.output.strip().splitlines()
    assert told.startswith(f"synthnode nifti-geometry: Where {source} lies cannot be said: ")
    assert "onvert it from its DICOM series again" in told
    assert not list(tmp_path.glob("o*"))


def test_what_the_card_demands_and_nifti_does_not_say_is_told_and_recorded(package: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "in.nii.gz", ball())
    command = ["run", str(package), "--input", f"t1={source}", "--output", str(tmp_path / "out.nii.gz")]
    result = CliRunner().invoke(app, command)
    told = "NIfTI does not say; accepted: contrast T1, age from 18 years, distortion corrected, 1 to 3.5 T"
    assert f"look at      not-checked mr: {told}" in result.output
    (found,) = (
        one for one in json.loads((tmp_path / "out.json").read_text())["gate"]["findings"] if one["gravity"] != "PASS"
    )
    assert (found["code"], found["input"], found["gravity"]) == ("not-checked", "mr", "REVIEW")


def test_nothing_is_left_to_look_at_where_the_card_demands_nothing_more(limits_of: Callable[..., Any]) -> None:
    nothing = limits_of(
        modality="CT", contrasts=(), age_years_min=0, distortion_correction_required=False, field_strength_tesla=None
    )
    assert unverifiable_demands(nothing) is None
    assert unverifiable_demands(limits_of(age_years_min=18)) is not None


@pytest.mark.parametrize("output", ["in.nii.gz", "sub/../in.nii.gz"])
def test_an_input_is_never_written_over(package: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "sub").mkdir()
    source = saved(tmp_path / "in.nii.gz", ball())
    before = source.read_bytes()
    with pytest.raises(InputError, match="output-unfit"):
        run_package(load_package(package), {"mr": source}, tmp_path / output)
    uncertain = saved(tmp_path / "out.uncertainty.nii.gz", ball())
    with pytest.raises(InputError, match="output-unfit"):
        run_package(load_package(package), {"mr": uncertain}, tmp_path / "out.nii.gz")
    assert source.read_bytes() == before


def test_the_command_tells_what_a_person_must_look_at(
    write_small_package: Writer, small_card: dict[str, Any], tmp_path: Path
) -> None:
    small_card["body_site"], small_card["status"] = "ball", "site-released"
    small_card["inputs"][0]["min_field_of_view_mm"] = 40.0
    source = saved(tmp_path / "in.nii.gz", ball())
    command = ["run", str(write_small_package()), "--input", f"t1={source}", "--output", str(tmp_path / "out.nii.gz")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "look at      input-gate: this package has no learned gate" in result.output
