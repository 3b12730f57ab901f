"""Rules of reports, pictures and registrations: sound ones pass, each breach is found by its rule alone."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from documents import OTHER_FRAME, about, registered
from pydicom import Dataset, dcmread

from pipelines.contract import Check, Verdict
from pipelines.objects.encoding import encode
from pipelines.reading.series import SourceSeries
from pipelines.reasons import text
from pipelines.semantics import check_documents, check_files, check_objects
from pipelines.semantics.check import RULES
from pipelines.semantics.rules import CAPTURES, PDFS, REGISTRATIONS, STRUCTURED_REPORTS

Sabotage = Callable[[list[Dataset]], None]

ABOUT = about()
REGISTERED = registered()
SOUND: dict[str, tuple[tuple[SourceSeries, ...], tuple[bytes, ...]]] = {
    "documents": ((ABOUT.source,), tuple(encode(one) for one in (*ABOUT.objects, *ABOUT.documents))),
    "registration": ((REGISTERED.source, REGISTERED.moving), (encode(REGISTERED.registration),)),
}
REPORT, PDF, PICTURE = -3, -2, -1
SABOTAGES: list[tuple[str, str, Sabotage]] = []


def breaks(rule: str, what: str = "documents") -> Callable[[Sabotage], Sabotage]:
    def register(sabotage: Sabotage) -> Sabotage:
        SABOTAGES.append((rule, what, sabotage))
        return sabotage

    return register


def read(what: str) -> list[Dataset]:
    return [dcmread(BytesIO(content)) for content in SOUND[what][1]]


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if check.verdict is not Verdict.PASS]


def groups(objects: list[Dataset]) -> list[Dataset]:
    (held,) = (item for item in objects[REPORT].ContentSequence if item.ValueType == "CONTAINER")
    return list(held.ContentSequence)


@pytest.mark.parametrize("what", SOUND)
def test_sound_objects_pass(what: str) -> None:
    assert failed(check_objects(read(what), SOUND[what][0])) == []


def test_documents_of_files_pass_without_their_sources() -> None:
    report = check_files(read("documents"))
    assert failed(report.checks) == []
    assert report.own == len(ABOUT.objects) + 3


@breaks("report-content")
def a_number_without_unit(objects: list[Dataset]) -> None:
    (number,) = (item for item in groups(objects)[0].ContentSequence if item.ValueType == "NUM")
    del number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence


@breaks("report-content")
def an_item_without_relation(objects: list[Dataset]) -> None:
    del groups(objects)[1].ContentSequence[0].RelationshipType


@breaks("report-content")
def a_text_without_words(objects: list[Dataset]) -> None:
    groups(objects)[0].ContentSequence[0].TextValue = ""


@breaks("report-content")
def another_template(objects: list[Dataset]) -> None:
    objects[REPORT].ContentTemplateSequence[0].TemplateIdentifier = "2000"


@breaks("report-volumes")
def another_volume_than_the_structure_set_states(objects: list[Dataset]) -> None:
    (number,) = (item for item in groups(objects)[0].ContentSequence if item.ValueType == "NUM")
    number.MeasuredValueSequence[0].NumericValue = "1.5"


@breaks("report-verdicts")
def a_verdict_that_there_is_not(objects: list[Dataset]) -> None:
    (verdict,) = (
        item for item in groups(objects)[-1].ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "VERDICT"
    )
    verdict.ConceptCodeSequence[0].CodeValue = "FINE"


@breaks("report-unverified")
def a_verified_report(objects: list[Dataset]) -> None:
    objects[REPORT].VerificationFlag = "VERIFIED"


@breaks("pdf-whole")
def a_cut_pdf(objects: list[Dataset]) -> None:
    objects[PDF].EncapsulatedDocument = objects[PDF].EncapsulatedDocument[:400]


@breaks("pdf-whole")
def a_pdf_that_says_html(objects: list[Dataset]) -> None:
    objects[PDF].MIMETypeOfEncapsulatedDocument = "text/html"


@breaks("pdf-whole")
def a_page_in_place_of_a_pdf(objects: list[Dataset]) -> None:
    objects[PDF].EncapsulatedDocument = b"<html></html>" + b"\0"
    objects[PDF].EncapsulatedDocumentLength = 13


@breaks("capture-colour")
def samples_by_plane(objects: list[Dataset]) -> None:
    objects[PICTURE].PlanarConfiguration = 1


@breaks("capture-colour")
def another_colour_space(objects: list[Dataset]) -> None:
    objects[PICTURE].PhotometricInterpretation = "YBR_FULL"


@breaks("capture-unplaced")
def a_picture_that_has_a_scale(objects: list[Dataset]) -> None:
    objects[PICTURE].PixelSpacing = ["1", "1"]


@breaks("pixels-complete")
def rows_of_a_picture_missing(objects: list[Dataset]) -> None:
    objects[PICTURE].PixelData = objects[PICTURE].PixelData[:-60]


@breaks("sources-named")
def a_report_without_its_evidence(objects: list[Dataset]) -> None:
    del objects[REPORT].CurrentRequestedProcedureEvidenceSequence


@breaks("sources-named")
def a_pdf_of_something_unknown(objects: list[Dataset]) -> None:
    objects[PDF].SourceInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("identity-carried")
def a_report_of_another_patient(objects: list[Dataset]) -> None:
    objects[REPORT].PatientID = "somebody else"


@breaks("series-of-one-modality")
def a_pdf_that_says_sr(objects: list[Dataset]) -> None:
    objects[PDF].Modality = "SR"


@breaks("synthetic-marked")
def an_unmarked_picture(objects: list[Dataset]) -> None:
    objects[PICTURE].SyntheticData = "NO"


def matrix(objects: list[Dataset], place: int) -> Dataset:
    return objects[0].RegistrationSequence[place].MatrixRegistrationSequence[0].MatrixSequence[0]


def changed(step: Dataset, at: int, value: str) -> None:
    values = [str(one) for one in step.FrameOfReferenceTransformationMatrix]
    step.FrameOfReferenceTransformationMatrix = [*values[:at], value, *values[at + 1 :]]


@breaks("registration-rigid", "registration")
def a_matrix_that_scales(objects: list[Dataset]) -> None:
    changed(matrix(objects, 1), 0, "1.1")


@breaks("registration-rigid", "registration")
def a_matrix_that_mirrors(objects: list[Dataset]) -> None:
    step = matrix(objects, 1)
    values = np.array([float(one) for one in step.FrameOfReferenceTransformationMatrix])
    values[:3] *= -1
    step.FrameOfReferenceTransformationMatrix = [f"{one:.8g}" for one in values]


@breaks("registration-rigid", "registration")
def a_matrix_of_another_kind(objects: list[Dataset]) -> None:
    matrix(objects, 1).FrameOfReferenceTransformationMatrixType = "AFFINE"
    changed(matrix(objects, 1), 0, "1.1")


@breaks("registration-frames", "registration")
def the_frame_that_stays_is_moved(objects: list[Dataset]) -> None:
    changed(matrix(objects, 0), 3, "2")


@breaks("registration-frames", "registration")
def one_frame_twice(objects: list[Dataset]) -> None:
    objects[0].RegistrationSequence[1].FrameOfReferenceUID = objects[0].FrameOfReferenceUID
    changed(matrix(objects, 1), 3, "0")


@breaks("registration-images", "registration")
def an_image_that_nobody_knows(objects: list[Dataset]) -> None:
    objects[0].RegistrationSequence[1].ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("frame-of-reference", "registration")
def a_registration_into_another_frame(objects: list[Dataset]) -> None:
    objects[0].FrameOfReferenceUID = OTHER_FRAME
    for place, values in ((0, np.eye(4)), (1, np.eye(4))):
        matrix(objects, place).FrameOfReferenceTransformationMatrix = [f"{one:g}" for one in values.ravel()]


def test_every_rule_of_these_classes_has_a_sabotage() -> None:
    classes = STRUCTURED_REPORTS | PDFS | CAPTURES | REGISTRATIONS
    own = {rule.name for rule in RULES if rule.classes and rule.classes <= classes}
    assert own <= {rule for rule, _, _ in SABOTAGES}


@pytest.mark.hazard("HAZ-02", "HAZ-03", "HAZ-05")
@pytest.mark.parametrize(
    ("rule", "what", "sabotage"), [pytest.param(*one, id=f"{one[1]}-{one[2].__name__}") for one in SABOTAGES]
)
def test_each_breach_is_found_by_its_rule_alone(rule: str, what: str, sabotage: Sabotage) -> None:
    objects = read(what)
    sabotage(objects)
    checks = check_objects(objects, SOUND[what][0])
    assert failed(checks) == [rule]
    (check,) = (check for check in checks if check.name == rule)
    assert not text(check.reason).startswith(check.reason.code)
    assert "unreadable" not in check.reason.code


class TestDocumentsAfterTheResult:
    def test_objects_are_counted_together(self) -> None:
        earlier = check_objects(ABOUT.objects, (ABOUT.source,))
        checks = check_documents(ABOUT.documents, ABOUT.objects, (ABOUT.source,), earlier)
        assert failed(checks) == []
        (identity,) = (check for check in checks if check.name == "identity-carried")
        assert identity.reason.parameters["objects"] == len(ABOUT.objects) + 3
        assert len({check.name for check in checks}) == len(checks)

    def test_a_broken_document_fails_a_rule_that_the_images_kept(self) -> None:
        documents = read("documents")[-3:]
        documents[0].PatientID = "somebody else"
        earlier = check_objects(ABOUT.objects, (ABOUT.source,))
        assert failed(check_documents(documents, ABOUT.objects, (ABOUT.source,), earlier)) == ["identity-carried"]

    def test_sound_documents_do_not_hide_what_the_images_broke(self) -> None:
        images = read("documents")[:-3]
        images[0].PatientID = "somebody else"
        earlier = check_objects(images, (ABOUT.source,))
        assert failed(check_documents(ABOUT.documents, images, (ABOUT.source,), earlier)) == ["identity-carried"]
