"""Structured report, PDF, summary picture and registration: what they say, and what cannot be written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import highdicom
import numpy as np
import pytest
from dcmtk import dcmsend
from derived import DIGEST, GRID, RUN, derived, regions, source_series
from documents import CHECKS, MEASUREMENTS, about, moved, other_series, registered
from orthanc import Orthanc
from peers import program
from pydicom import Dataset, dcmread
from pydicom.uid import ImplicitVRLittleEndian
from waiting import free_port

from pipelines.errors import UnfitObject
from pipelines.objects.codes import MR_TO_CT
from pipelines.objects.encapsulated_pdf import encapsulated_report
from pipelines.objects.encoding import encode
from pipelines.objects.measurement_report import measurement_report
from pipelines.objects.provenance import is_ours, lists_this_product, states_our_derivation
from pipelines.objects.secondary_capture import summary_capture
from pipelines.objects.spatial_registration import spatial_registration

ABOUT = about()
REPORT, PDF, PICTURE = ABOUT.documents
REGISTRATION = registered().registration
EVERY = {"report": REPORT, "pdf": PDF, "picture": PICTURE, "registration": REGISTRATION}


def read(dataset: Dataset) -> Dataset:
    return dcmread(BytesIO(encode(dataset)))


class TestStructuredReport:
    def test_highdicom_reads_the_volumes_and_the_checks(self) -> None:
        found = highdicom.sr.ComprehensiveSR.from_dataset(read(REPORT)).content
        groups = found.get_image_measurement_groups()
        names = [group.tracking_identifier for group in groups]
        assert names == ["External", "Bone", "External", "Bone", "geometry", "metal"]
        (volume,) = groups[0].get_measurements()
        voxels = np.count_nonzero(regions()[0].mask)
        assert volume.value == pytest.approx(voxels * np.prod(GRID.spacing) / 1000, abs=1e-3)
        verdicts = [
            one.value.value
            for group in groups
            for one in group.get_qualitative_evaluations()
            if one.name.value == "VERDICT"
        ]
        assert verdicts == ["PASS", "REVIEW"]

    def test_reason_and_its_code_stand_beside_the_verdict(self) -> None:
        (held,) = (item for item in REPORT.ContentSequence if item.ValueType == "CONTAINER")
        words = [item.TextValue for item in held.ContentSequence[-1].ContentSequence if item.ValueType == "TEXT"]
        assert words == ["metal", "signal-void", "Void of 22 mm; accepted: 14 mm."]

    def test_a_sign_that_the_sources_character_set_lacks_is_replaced(self) -> None:
        checks = (replace(CHECKS[0], text="5 ± 2 …"),)
        made = derived()
        report = measurement_report(MEASUREMENTS, checks, made.objects, MR_TO_CT, made.source, RUN, DIGEST)
        (held,) = (item for item in read(report).ContentSequence if item.ValueType == "CONTAINER")
        assert held.ContentSequence[-1].ContentSequence[-1].TextValue == "5 ? 2 ?"

    def test_nobody_verified_it(self) -> None:
        assert (REPORT.VerificationFlag, REPORT.CompletionFlag) == ("UNVERIFIED", "COMPLETE")

    @pytest.mark.peer("dcmtk")
    def test_dsrdump_reads_it_without_complaint(self, tmp_path: Path) -> None:
        (tmp_path / "sr.dcm").write_bytes(encode(REPORT))
        done = subprocess.run(
            [program("dsrdump"), tmp_path / "sr.dcm"], capture_output=True, text=True, check=True, timeout=60
        )
        assert "W:" not in done.stderr
        assert "E:" not in done.stderr
        assert '"Tracking Identifier")="Bone"' in done.stdout
        assert "REVIEW" in done.stdout


class TestPdf:
    def test_it_is_the_file_that_was_given_and_names_the_patient(self) -> None:
        pdf = b"%PDF-1.7\nodd\n%%EOF"
        made = derived()
        found = read(encapsulated_report(pdf, "Synthetic CT", made.objects, made.source, RUN, DIGEST))
        assert found.EncapsulatedDocument[: found.EncapsulatedDocumentLength] == pdf
        assert found.DocumentTitle == "SYNTHETIC: Synthetic CT"
        assert found.BurnedInAnnotation == "YES"

    def test_what_is_no_pdf_is_refused(self) -> None:
        made = derived()
        with pytest.raises(UnfitObject) as caught:
            encapsulated_report(b"<html>", "Synthetic CT", made.objects, made.source, RUN, DIGEST)
        assert caught.value.reason.code == "object-not-pdf"


class TestPicture:
    def test_its_colours_come_back(self) -> None:
        picture = np.random.default_rng(2).integers(0, 255, (7, 9, 3)).astype(np.uint8)
        found = read(summary_capture(picture, MR_TO_CT, source_series(), RUN, DIGEST, body_part="HEAD"))
        assert np.array_equal(found.pixel_array, picture)

    @pytest.mark.hazard("HAZ-03")
    def test_nothing_can_be_measured_on_it(self) -> None:
        assert not {"PixelSpacing", "ImagePositionPatient", "FrameOfReferenceUID"} & set(PICTURE.dir())

    @pytest.mark.parametrize("shape", [(0, 4, 3), (4, 4), (4, 4, 4)])
    def test_what_is_no_colour_picture_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(UnfitObject) as caught:
            summary_capture(np.zeros(shape, np.uint8), MR_TO_CT, source_series(), RUN, DIGEST, body_part="HEAD")
        assert caught.value.reason.code == "object-picture-shape"


class TestRegistration:
    def test_a_point_goes_where_the_matrix_takes_it(self) -> None:
        (_, moving) = read(REGISTRATION).RegistrationSequence
        values = moving.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix
        point = np.array([12.0, -40.0, 7.5, 1.0])
        written = np.array([float(one) for one in values]).reshape(4, 4)
        assert np.abs(written @ point - moved() @ point).max() < 1e-5

    @pytest.mark.hazard("HAZ-03")
    def test_series_of_one_frame_are_not_registered(self) -> None:
        with pytest.raises(UnfitObject) as caught:
            spatial_registration(np.eye(4), source_series(), source_series(), MR_TO_CT, RUN, DIGEST, body_part="HEAD")
        assert caught.value.reason.code == "object-registration-of-one-frame"

    @pytest.mark.hazard("HAZ-04")
    @pytest.mark.parametrize(
        "matrix",
        [np.diag([-1.0, 1, 1, 1]), np.diag([1.1, 1, 1, 1]), np.eye(3), np.full((4, 4), np.nan), np.eye(4)[::-1]],
        ids=["mirrored", "scaled", "small", "empty", "projective"],
    )
    def test_what_is_not_rigid_is_refused(self, matrix: np.ndarray) -> None:
        with pytest.raises(UnfitObject) as caught:
            spatial_registration(matrix, other_series(), source_series(), MR_TO_CT, RUN, DIGEST, body_part="HEAD")
        assert caught.value.reason.code == "object-registration-not-rigid"


@pytest.mark.parametrize("what", EVERY)
class TestEach:
    @pytest.mark.hazard("HAZ-05", "HAZ-13")
    def test_it_says_what_it_is_and_whose(self, what: str) -> None:
        found = read(EVERY[what])
        assert (found.SyntheticData, found.ContentQualification) == ("YES", "RESEARCH")
        assert found.SeriesDescription.startswith("SYNTHETIC")
        assert lists_this_product(found)
        assert states_our_derivation(found)
        del found.ContributingEquipmentSequence
        assert is_ours(found)

    def test_its_series_has_a_number_and_uid_of_its_own(self, what: str) -> None:
        others = [*ABOUT.objects, *(one for name, one in EVERY.items() if name != what)]
        assert EVERY[what].SeriesNumber not in {one.SeriesNumber for one in others}
        assert EVERY[what].SeriesInstanceUID not in {one.SeriesInstanceUID for one in others}

    def test_it_is_written_in_the_syntax_that_every_peer_takes(self, what: str) -> None:
        assert read(EVERY[what]).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian

    @pytest.mark.slow
    @pytest.mark.peer("dciodvfy")
    def test_dciodvfy_finds_nothing(self, what: str, tmp_path: Path) -> None:
        (tmp_path / "one.dcm").write_bytes(encode(EVERY[what]))
        done = subprocess.run(
            [program("dciodvfy"), tmp_path / "one.dcm"], capture_output=True, text=True, check=False, timeout=60
        )
        lines = (done.stdout + done.stderr).splitlines()
        assert any(line in ("ComprehensiveSR", "EncapsulatedPDF", "SCImage", "SpatialRegistration") for line in lines)
        assert [one for one in lines if "99SYNTHNODE" not in one and one.startswith(("Error", "Warning"))] == []


@pytest.mark.slow
@pytest.mark.hazard("HAZ-01")
@pytest.mark.peer("dcmtk", "orthanc")
def test_dcmtk_sends_them_all_and_orthanc_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "send").mkdir()
    for name, dataset in EVERY.items():
        (tmp_path / "send" / f"{name}.dcm").write_bytes(encode(dataset))
    pacs = Orthanc(tmp_path / "orthanc", free_port())
    pacs.start()
    try:
        assert dcmsend(tmp_path / "send", pacs.port, called=pacs.ae_title) == len(EVERY)
        kept = {uid: dcmread(BytesIO(content)) for uid, content in pacs.files().items()}
    finally:
        pacs.stop()
    for dataset in EVERY.values():
        found = kept.pop(str(dataset.SOPInstanceUID))
        found.remove_private_tags()
        assert found == read(dataset)
    assert kept == {}


@pytest.mark.hazard("HAZ-09")
@pytest.mark.parametrize("make", [about, lambda: registered().registration])
def test_the_same_run_gives_the_same_bytes(make: Callable[[], object]) -> None:
    first, second = make(), make()
    for one, other in zip(*(getattr(made, "documents", (made,)) for made in (first, second)), strict=True):
        assert encode(one) == encode(other)
