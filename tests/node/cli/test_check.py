"""`synthnode check`: files of this house and of other makers, broken one rule at a time."""

from __future__ import annotations

import json
from copy import deepcopy
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from derived import derived
from pydicom import Dataset, dcmread
from pydicom.uid import JPEGLSLossless
from typer.testing import CliRunner

from node.cli.app import app
from pipelines.errors import PipelineError
from pipelines.objects.encoding import encode, file_meta
from pipelines.semantics import check_files

MADE = derived()
OWN = tuple(encode(dataset) for dataset in MADE.objects)


def foreign_objects() -> list[Dataset]:
    """Return the same images and structure set as another maker would have written them."""
    objects = [dcmread(BytesIO(content)) for content in OWN if b"PARAMETRIC" not in content]
    for dataset in objects:
        for keyword in (
            *("ContributingEquipmentSequence", "DerivationCodeSequence", "SyntheticData", "ContentQualification"),
            *("ApprovalStatus", "SourceImageSequence"),
        ):
            if keyword in dataset:
                del dataset[keyword]
        dataset.SeriesDescription = "Planning CT"
    for structures in objects:
        for region in structures.get("StructureSetROISequence") or ():
            region.ROIName = "A name of more than 16 characters"
    return objects


def broken(objects: list[Dataset]) -> list[str]:
    return [check.name for check in check_files(objects).checks if check.verdict != "PASS"]


def in_folder(folder: Path, objects: list[Dataset]) -> Path:
    folder.mkdir()
    for number, dataset in enumerate(objects):
        (folder / f"{number:03}.dcm").write_bytes(encode(dataset))
    return folder


def check(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return done.exit_code, done.stdout


def test_own_files_hold_with_and_without_their_sources(tmp_path: Path) -> None:
    made = in_folder(tmp_path / "made", list(MADE.objects))
    sources = in_folder(tmp_path / "source", [complete(one, k) for k, one in enumerate(MADE.source.datasets)])
    (made / "readme.txt").write_text("no DICOM")
    code, said = check(made, "--json")
    content = json.loads(said)
    assert (code, content["broken"], content["own_objects"]) == (0, 0, len(MADE.objects))
    assert [one["rule"] for one in content["not_looked_at"]] == ["sources-named"]
    assert len(content["passed_over"]) == 1
    assert all(one["clause"] and one["text"] for one in content["rules"])
    code, said = check(made, "--source", sources, "--json")
    assert (code, json.loads(said)["not_looked_at"]) == (0, [])


def complete(header: Dataset, k: int) -> Dataset:
    """Return the k-th source image as a file has it, with geometry and pixels."""
    image = deepcopy(header)
    image.file_meta = file_meta(image)
    image.Rows = image.Columns = 4
    image.PixelSpacing, image.SliceThickness = [1, 1], 1
    image.ImageOrientationPatient, image.ImagePositionPatient = [0, 1, 0, 0, 0, -1], [k, 0, 0]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelData = np.zeros((4, 4), np.uint16).tobytes()
    return image


@pytest.mark.hazard("HAZ-05")
def test_a_mark_that_is_missing_is_broken_in_an_own_file_and_the_exit_status_says_so(tmp_path: Path) -> None:
    objects = [dcmread(BytesIO(content)) for content in OWN]
    objects[2].SyntheticData = "NO"
    code, said = check(in_folder(tmp_path / "made", objects), "--json")
    verdicts = {one["rule"]: one["verdict"] for one in json.loads(said)["rules"]}
    assert (code, [name for name, verdict in verdicts.items() if verdict != "PASS"]) == (1, ["synthetic-marked"])


def test_another_makers_files_are_held_to_the_standard_alone() -> None:
    objects = foreign_objects()
    report = check_files(objects)
    assert (broken(objects), report.own) == ([], 0)
    names = {check.name for check in report.checks}
    assert {"images-resolve", "contours-on-planes", "geometry-even", "pixel-range"} <= names
    assert names.isdisjoint({"synthetic-marked", "unapproved", "planes-axial", "external-solid", "sop-class-known"})


def test_another_makers_breaches_are_found() -> None:
    objects = foreign_objects()
    objects[1].PatientID = "ANOTHER"
    assert broken(objects) == ["identity-carried"]
    objects = foreign_objects()
    del objects[3]
    assert broken(objects) == ["geometry-even", "images-resolve"]
    objects = foreign_objects()
    objects[0].PixelData = objects[0].PixelData[:-2]
    assert broken(objects) == ["pixels-complete"]
    objects = foreign_objects()
    structures = objects[-1]
    structures.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 2
    assert broken(objects) == ["contours-countable"]


def test_slices_of_other_makers_may_lie_apart_and_be_rounded() -> None:
    objects = [one for one in foreign_objects() if one.Modality == "CT"]
    for one in objects:
        one.SliceThickness = 0.5
        one.ImagePositionPatient[2] = round(float(one.ImagePositionPatient[2]) + 0.004, 2)
    assert broken(objects) == []


def test_a_structure_set_alone_is_not_said_to_resolve() -> None:
    report = check_files([one for one in foreign_objects() if one.Modality == "RTSTRUCT"])
    assert {one.rule.name for one in report.not_looked_at} == {"images-resolve", "images-listed"}


def test_compressed_pixels_are_said_not_to_be_looked_at() -> None:
    objects = [one for one in foreign_objects() if one.Modality == "CT"]
    for one in objects:
        one.file_meta.TransferSyntaxUID = JPEGLSLossless
    report = check_files(objects)
    skipped = {one.rule.name: one.objects for one in report.not_looked_at}
    assert skipped == {"pixels-complete": len(objects), "pixel-range": len(objects)}
    assert {"pixels-complete", "pixel-range"}.isdisjoint(one.name for one in report.checks)


@pytest.mark.parametrize("left_out", [100, 40])
def test_a_file_that_ends_early_is_never_a_pass(tmp_path: Path, left_out: int) -> None:
    made = in_folder(tmp_path / "made", list(MADE.objects)[:2])
    cut = made / "000.dcm"
    cut.write_bytes(cut.read_bytes()[:-left_out])
    assert check(made)[0] != 0


def test_files_that_are_not_there_or_no_dicom_are_refused_by_name(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "nowhere", "path-missing"), (tmp_path, "paths-no-dicom")):
        error = CliRunner().invoke(app, ["check", str(path)]).exception
        assert isinstance(error, PipelineError)
        assert error.reason.code == code


def test_a_table_names_the_rule_and_what_was_found(tmp_path: Path) -> None:
    objects = foreign_objects()
    objects[1].PatientID = "ANOTHER"
    code, said = check(in_folder(tmp_path / "made", objects))
    assert code == 1
    assert "identity-carried" in said
    assert "ANOTHER" not in said
    assert "1 of" in said
