"""A head MR study comes in, is held, released by a named person, and arrives in Orthanc, which sends all of it back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from head_series import HeadSeries
from hospital import Hospital, OpenHospital
from part10 import data_set_bytes
from peers import data_folder, program
from postgresql import SITE_USER, PostgresqlServer
from pydicom import Dataset, dcmread
from waiting import children, stays, wait_for

CT = "1.2.840.10008.5.1.4.1.1.2"
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
AIR_HU = -1000.0
SECONDS_TO_COMPUTE = 900.0
STANDS_WITHIN_MM = 6.0
"""Of the body's edges in MR and synthetic CT: three voxels of the made series; a flip or a shift is far more."""

pytestmark = [pytest.mark.peer("orthanc", "dcmtk"), pytest.mark.slow]


@dataclass(frozen=True)
class Story:
    """A study that went the whole way, and what was seen on it."""

    hospital: Hospital
    study_uid: str
    made: HeadSeries | None
    source: list[Dataset]
    held: Mapping[str, Any]
    in_pacs_while_held: int
    refused: Mapping[str, subprocess.CompletedProcess[str]]
    delivered: Mapping[str, Any]
    fetched: Mapping[str, bytes] = field(repr=False)

    def objects(self, sop_class: str) -> list[Dataset]:
        """Return what Orthanc has of one SOP class, from the feet to the head."""
        found = [dcmread(BytesIO(file)) for file in self.fetched.values()]
        found = [dataset for dataset in found if dataset.SOPClassUID == sop_class]
        return sorted(found, key=lambda dataset: float(dataset.get("ImagePositionPatient", [0, 0, 0])[2]))


@pytest.fixture(
    scope="module",
    params=[
        "made",
        pytest.param("made-postgresql", marks=pytest.mark.peer("postgresql")),
        pytest.param("real", marks=pytest.mark.data),
    ],
)
def story(
    request: pytest.FixtureRequest, open_hospital: OpenHospital, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    """Send a study, release it by name, and fetch it back from Orthanc."""
    made = None if request.param == "real" else HeadSeries()
    if made is None:
        images = data_folder()
        assert images is not None
        folder = images / "mr-head-dicom"
    else:
        folder = made.write(tmp_path_factory.mktemp("scan") / "mr")
    source = [dcmread(file, stop_before_pixels=True) for file in sorted(folder.glob("*.dcm"))]
    study_uid = str(source[0].StudyInstanceUID)
    database_url = None
    if request.param == "made-postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        database_url = server.site_url(tmp_path_factory.mktemp("secrets") / "pgpass")
    hospital = open_hospital(sends_back=True, database_url=database_url)
    assert hospital.scan(folder) == len(source)
    held = hospital.node.wait_until_held(study_uid, within=SECONDS_TO_COMPUTE)
    in_pacs_while_held = hospital.pacs.instances()
    refused = {"nobody": hospital.node.command("release", study_uid, "--by", "", "--reason", "looks fine")}
    if held["verdict"] != "PASS":
        refused["no reason"] = hospital.node.command("release", study_uid, "--by", "physicist")
    hospital.node.release(study_uid, by="physicist", reason="skull looked at")
    delivered = hospital.node.wait_until_delivered(study_uid)["runs"][0]
    return Story(
        hospital=hospital,
        study_uid=study_uid,
        made=made,
        source=source,
        held=held,
        in_pacs_while_held=in_pacs_while_held,
        refused=refused,
        delivered=delivered,
        fetched=hospital.pacs.files(),
    )


@pytest.mark.hazard("HAZ-10")
def test_nothing_leaves_before_a_named_person_releases_it(story: Story) -> None:
    assert story.in_pacs_while_held == 0
    for why, done in story.refused.items():
        assert done.returncode != 0, why
        assert done.stderr.strip(), why
        assert "Traceback" not in done.stderr, why
    assert story.held["deliveries"] == []
    assert story.delivered["released_by"] == "physicist"
    assert [d["state"] for d in story.delivered["deliveries"]] == ["delivered"]


@pytest.mark.hazard("HAZ-07")
@pytest.mark.parametrize("story", [pytest.param("real", marks=pytest.mark.data)], indirect=True)
def test_a_child_without_distortion_correction_is_held_for_review_with_these_reasons(story: Story) -> None:
    assert story.held["verdict"] == "REVIEW"
    review = {check["name"]: check["reason"] for check in story.held["checks"] if check["verdict"] == "REVIEW"}
    assert any("age" in name for name in review), review
    assert any("distortion" in name for name in review), review
    assert "no reason" in story.refused
    assert all(review.values()), "each has a sentence"


@pytest.mark.hazard("HAZ-12")
def test_every_step_is_in_an_audit_trail_that_verifies(story: Story) -> None:
    told = story.hospital.node.json("audit", "verify")
    assert told["valid"] is True
    # What Orthanc sends back is received as well, at a time of its own.
    codes = [code for code in story.hospital.node.audit_codes(story.study_uid) if code != "own-objects-returned"]
    assert codes[0] == "instances-received"
    refusals = ["release-refused"] * ("no reason" in story.refused)
    assert [code for code in codes if code != "instances-received"] == [
        "study-routed",
        "run-queued",
        "run-started",
        "run-held",
        *refusals,
        "run-released",
        "delivery-done",
    ]
    assert "node-started" in story.hospital.node.audit_codes(None)


@pytest.mark.hazard("HAZ-17")
def test_no_line_of_the_log_names_the_patient(story: Story) -> None:
    logged = [file.read_text() for file in (story.hospital.folder / "node").rglob("*.jsonl")]
    assert any(story.study_uid in text for text in logged), "the study's way is logged by its UID"
    scanned = story.source[0]
    stated = {str(scanned.PatientID), *str(scanned.PatientName).split("^")}
    for text in [*logged, story.hospital.node.log]:
        assert not [value for value in stated if len(value) > 3 and value in text]


@pytest.mark.hazard("HAZ-17")
@pytest.mark.parametrize(
    "story", [pytest.param("made-postgresql", marks=pytest.mark.peer("postgresql"))], indirect=True
)
def test_all_of_it_is_in_the_database_of_the_settings_whose_password_nothing_shows(
    story: Story, postgresql_server: PostgresqlServer
) -> None:
    node = story.hospital.node
    assert not (node.data / "node.db").exists()
    assert node.study(story.study_uid) is not None
    shown = [file.read_text() for file in (story.hospital.folder / "node").rglob("*.jsonl")]
    commands = children(node.pid).values()
    assert any("node.processes.engine" in command for command in commands)
    assert SITE_USER in node.settings_file.read_text()
    for text in [*shown, *commands, node.log, node.settings_file.read_text()]:
        assert postgresql_server.password not in text


@pytest.mark.hazard("HAZ-09")
def test_orthanc_has_what_the_node_kept_byte_for_byte(story: Story) -> None:
    promised = story.delivered["objects"]
    assert set(story.fetched) == set(promised)
    kept = story.hospital.node.kept(set(promised))
    assert set(kept) == set(promised)
    assert all(len(files) == 1 for files in kept.values())
    different = [uid for uid, (file,) in kept.items() if data_set_bytes(file) != data_set_bytes(story.fetched[uid])]
    assert different == []


@pytest.mark.hazard("HAZ-13")
def test_what_orthanc_sends_back_is_filed_and_nothing_runs_again(story: Story) -> None:
    node, pacs = story.hospital.node, story.hospital.pacs
    wait_for(lambda: pacs.sent_back() == len(story.fetched), within=120, what="Orthanc to have sent all back", every=1)
    # Longer than the quiet time, so that a study that had been opened again would have settled.
    study = stays(lambda: node.study(story.study_uid), seconds=8, what="the study")
    assert study is not None
    assert [run["state"] for run in study["runs"]] == ["delivered"]
    assert study["revision"] == 1
    assert study["quarantined"] == []
    assert len(node.status()["studies"]) == 1
    assert pacs.instances() == len(story.fetched)


@pytest.mark.hazard("HAZ-03")
def test_the_synthetic_ct_stands_where_the_mr_stood(story: Story) -> None:
    slices = story.objects(CT)
    first, mr = slices[0], story.source[0]
    assert {s.FrameOfReferenceUID for s in slices} == {mr.FrameOfReferenceUID}
    assert {s.StudyInstanceUID for s in slices} == {mr.StudyInstanceUID}
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        assert {str(s.get(keyword)) for s in slices} == {str(mr.get(keyword))}, keyword
    assert [float(v) for v in first.ImageOrientationPatient] == [1, 0, 0, 0, 1, 0]
    origins = np.array([[float(v) for v in s.ImagePositionPatient] for s in slices])
    assert (origins[:, :2] == origins[0, :2]).all()
    steps = np.diff(origins[:, 2])
    assert np.allclose(steps, float(first.SliceThickness), atol=1e-4)
    assert first.PixelSpacing[0] == first.PixelSpacing[1]
    assert len(slices) < 400
    low, high = extent(places(slices)[np.stack([hu(s) for s in slices]) > -300])
    mr_low, mr_high = extent(bright_places(story.source))
    np.testing.assert_allclose(low, mr_low, atol=STANDS_WITHIN_MM)
    np.testing.assert_allclose(high, mr_high, atol=STANDS_WITHIN_MM)


@pytest.mark.hazard("HAZ-05")
def test_the_synthetic_ct_says_that_it_is_synthetic(story: Story) -> None:
    named = [item for ct in story.objects(CT) for item in ct.SourceImageSequence]
    assert {item.ReferencedSOPInstanceUID for item in named} == {dataset.SOPInstanceUID for dataset in story.source}
    for ct in story.objects(CT):
        assert ct.SyntheticData == "YES"
        assert ct.ContentQualification == "RESEARCH"
        assert ct.SeriesDescription.startswith("SYNTHETIC")
        assert ct.ImageType[0] == "DERIVED"
        software = json.dumps([list(item.get("SoftwareVersions", [])) for item in ct.ContributingEquipmentSequence])
        assert story.delivered["models"]["generator"]["sha256"][:8] in software


@pytest.mark.hazard("HAZ-06")
def test_the_synthetic_ct_has_a_skull_and_air_around_it(story: Story) -> None:
    volume = np.stack([hu(s) for s in story.objects(CT)])
    assert volume[:, 0, :].max() < -900
    body = volume > -300
    bone = volume > 250
    assert 0.02 < bone.sum() / body.sum() < 0.5


@pytest.mark.peer("dciodvfy")
def test_the_validator_finds_no_error_in_anything(story: Story, tmp_path: Path) -> None:
    errors = {}
    for uid, file in story.fetched.items():
        (tmp_path / "object.dcm").write_bytes(file)
        done = subprocess.run(
            [program("dciodvfy"), str(tmp_path / "object.dcm")], capture_output=True, text=True, check=False
        )
        found = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        if found:
            errors[uid] = found
    assert errors == {}


@pytest.mark.hazard("HAZ-21")
@pytest.mark.peer("plastimatch")
def test_plastimatch_draws_the_body_where_the_synthetic_ct_has_it(story: Story, tmp_path: Path) -> None:
    slices = story.objects(CT)
    (structures,) = story.objects(RTSTRUCT)
    names = {int(roi.ROINumber): str(roi.ROIName) for roi in structures.StructureSetROISequence}
    kinds = {names[int(o.ReferencedROINumber)]: o.RTROIInterpretedType for o in structures.RTROIObservationsSequence}
    (external,) = (name for name, kind in kinds.items() if kind == "EXTERNAL")
    assert set(names.values()) == {external, "Bone", "zSource_Field"}
    for uid in (structures.SOPInstanceUID, *(s.SOPInstanceUID for s in slices)):
        (tmp_path / "dicom").mkdir(exist_ok=True)
        (tmp_path / "dicom" / f"{uid}.dcm").write_bytes(story.fetched[uid])
    command = [program("plastimatch"), "convert", "--input", str(tmp_path / "dicom"), "--prefix-format", "mha"]
    command += ["--output-prefix", str(tmp_path / "masks")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    drawn = {file.stem: mask(file) for file in (tmp_path / "masks").glob("*.mha")}
    assert set(drawn) == set(names.values())
    volume = np.stack([hu(s) for s in slices])
    assert dice(drawn[external], solid(volume > AIR_HU)) >= 0.99
    assert np.median(volume[drawn["Bone"]]) > 200
    if story.made is not None:
        assert dice(drawn[external], story.made.inside(places(slices))) >= 0.97


def hu(dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return a CT slice in Hounsfield units."""
    return dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)


def mask(file: Path) -> npt.NDArray[np.bool_]:
    """Return a mask that plastimatch wrote as MetaImage, slice by slice."""
    header, _, voxels = file.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    fields = dict(line.split(" = ", 1) for line in header.decode().splitlines() if " = " in line)
    assert fields["CompressedData"] == "False"
    assert fields["ElementType"] == "MET_UCHAR"
    columns, rows, slices = (int(size) for size in fields["DimSize"].split())
    return np.frombuffer(voxels, np.uint8).reshape(slices, rows, columns) > 0


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return the overlap of two masks, 1 when they are the same."""
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def solid(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return `mask` with everything that no straight way along the axes of a slice leads to from outside.

    A judge of its own, simpler than the node's: from all four sides of each slice the first voxel of the body stops
    the way, and what can then still be reached step by step from outside is outside.
    """
    outside = np.zeros_like(mask)
    outside[:, 0, :] = outside[:, -1, :] = outside[:, :, 0] = outside[:, :, -1] = True
    outside &= ~mask
    while True:
        grown = outside.copy()
        grown[:, 1:] |= outside[:, :-1]
        grown[:, :-1] |= outside[:, 1:]
        grown[:, :, 1:] |= outside[:, :, :-1]
        grown[:, :, :-1] |= outside[:, :, 1:]
        grown &= ~mask
        if (grown == outside).all():
            return ~outside
        outside = grown


def places(slices: list[Dataset]) -> npt.NDArray[np.float64]:
    """Return x, y, z in mm of every voxel of an axial series, stacked along the last axis."""
    first = slices[0]
    step = float(first.PixelSpacing[0])
    x0, y0, _ = (float(v) for v in first.ImagePositionPatient)
    z = [float(s.ImagePositionPatient[2]) for s in slices]
    k, j, i = np.meshgrid(z, y0 + step * np.arange(first.Rows), x0 + step * np.arange(first.Columns), indexing="ij")
    return np.stack([i, j, k], axis=-1)


def extent(points: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the corners of the box in mm, x, y, z, that holds all points but the outermost hundredth on each side."""
    return np.percentile(points, 1, axis=0), np.percentile(points, 99, axis=0)


def bright_places(source: list[Dataset]) -> npt.NDArray[np.float64]:
    """Return x, y, z in mm of the MR's voxels that are no air, from each slice's own position and orientation."""
    planes = [dcmread(str(dataset.filename)).pixel_array.astype(float) for dataset in source]
    bright = 0.15 * float(np.percentile(np.stack(planes), 99))
    points = []
    for dataset, plane in zip(source, planes, strict=True):
        place = np.array([float(v) for v in dataset.ImagePositionPatient])
        along_row, along_column = np.array([float(v) for v in dataset.ImageOrientationPatient]).reshape(2, 3)
        row_step, column_step = (float(v) for v in dataset.PixelSpacing)
        row, column = np.nonzero(plane > bright)
        points.append(place + np.outer(column * column_step, along_row) + np.outer(row * row_step, along_column))
    return np.concatenate(points)
