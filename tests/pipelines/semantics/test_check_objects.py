from __future__ import annotations

import ast
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from derived import derived, source_series
from pydicom import Dataset, dcmread
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag

import pipelines
from pipelines.contract import Check, Verdict
from pipelines.objects.encoding import encode
from pipelines.reasons import TEXTS, text
from pipelines.semantics import check_objects
from pipelines.semantics.check import RULES
from pipelines.semantics.rules import MR, MULTI_FRAME, REGISTRATIONS, WITHOUT_FRAME

MADE = derived()
FILES = tuple(encode(dataset) for dataset in MADE.objects)

Objects = list[Dataset]
Sabotage = Callable[[Objects], Objects | None]


def reread() -> Objects:
    return [dcmread(BytesIO(content)) for content in FILES]


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if check.verdict is not Verdict.PASS]


def test_what_the_constructors_make_passes_in_memory_and_read_back() -> None:
    assert failed(check_objects(MADE.objects, (MADE.source,))) == []
    assert failed(check_objects(reread(), (MADE.source,))) == []


def test_a_prone_patient_passes() -> None:
    prone = derived(source_series(PatientPosition="HFP"), prone=True)
    assert failed(check_objects(prone.objects, (prone.source,))) == []


def test_looking_changes_no_byte() -> None:
    check_objects(MADE.objects, (MADE.source,))
    assert tuple(encode(dataset) for dataset in MADE.objects) == FILES


SABOTAGES: dict[str, list[Sabotage]] = {name: [] for name in (rule.name for rule in RULES)}


def breaks(rule: str) -> Callable[[Sabotage], Sabotage]:
    def register(sabotage: Sabotage) -> Sabotage:
        SABOTAGES[rule].append(sabotage)
        return sabotage

    return register


def first_contour(objects: Objects, region: int = 0) -> Dataset:
    contour: Dataset = objects[-1].ROIContourSequence[region].ContourSequence[0]
    return contour


@breaks("objects-present")
def nothing_at_all(objects: Objects) -> Objects:
    return []


@breaks("attributes-required")
def kvp_absent(objects: Objects) -> None:
    del objects[7].KVP


@breaks("attributes-required")
def interpreter_absent(objects: Objects) -> None:
    del objects[-1].RTROIObservationsSequence[1].ROIInterpreter


@breaks("sop-class-known")
def an_object_of_a_private_class_goes_along(objects: Objects) -> Objects:
    private = dcmread(BytesIO(FILES[0]))
    private.SOPInstanceUID = private.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    private.SOPClassUID = private.file_meta.MediaStorageSOPClassUID = "1.2.826.0.1.3680043.8.498.99"
    return [*objects, private]


@breaks("values-in-length")
def position_of_seventeen_characters(objects: Objects) -> None:
    x, y, z = objects[3].ImagePositionPatient
    element = objects[3]["ImagePositionPatient"]
    objects[3][element.tag] = raw_decimal(element.tag, f"{float(x):.12f}00\\{y}\\{z}")


@breaks("values-in-length")
def label_of_seventeen_characters(objects: Objects) -> None:
    objects[-1].StructureSetLabel = "SYNTHETIC LABEL 1"


@breaks("synthetic-marked")
def not_marked_synthetic(objects: Objects) -> None:
    objects[4].SyntheticData = "NO"


@breaks("synthetic-marked")
def qualified_as_product(objects: Objects) -> None:
    objects[4].ContentQualification = "PRODUCT"


@breaks("synthetic-marked")
def description_hides_it(objects: Objects) -> None:
    objects[-1].SeriesDescription = "CT contours"


@breaks("synthetic-marked")
def no_trace_of_the_node(objects: Objects) -> None:
    del objects[2].ContributingEquipmentSequence


@breaks("synthetic-marked")
def no_code_of_the_derivation(objects: Objects) -> None:
    del objects[2].DerivationCodeSequence


@breaks("synthetic-marked")
def an_original_image(objects: Objects) -> None:
    objects[2].ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]


@breaks("unapproved")
def approved(objects: Objects) -> None:
    objects[-1].ApprovalStatus = "APPROVED"


@breaks("identity-carried")
def another_patient(objects: Objects) -> None:
    objects[5].PatientID = "PH-0002"


@breaks("identity-carried")
def another_study(objects: Objects) -> None:
    for dataset in objects:
        dataset.StudyInstanceUID = "1.2.3"


@breaks("identity-carried")
def an_invented_birth_time(objects: Objects) -> None:
    objects[0].PatientBirthTime = "120000"


@breaks("uids-unique")
def one_series_with_the_source(objects: Objects) -> None:
    series = objects[-1].SeriesInstanceUID = MADE.source.header.SeriesInstanceUID
    assert series


@breaks("uids-unique")
def a_series_uid_that_is_none(objects: Objects) -> None:
    objects[-1].SeriesInstanceUID = "2.25.007"


@breaks("uids-unique")
def one_instance_twice(objects: Objects) -> Objects:
    return [*objects, dcmread(BytesIO(FILES[-1]))]


@breaks("series-of-one-modality")
def structures_in_the_image_series(objects: Objects) -> None:
    objects[-1].SeriesInstanceUID = objects[0].SeriesInstanceUID


@breaks("series-of-one-modality")
def structures_of_another_modality(objects: Objects) -> None:
    objects[-1].Modality = "RTPLAN"


@breaks("file-meta-agrees")
def file_meta_of_another(objects: Objects) -> None:
    objects[1].file_meta.MediaStorageSOPInstanceUID = objects[2].SOPInstanceUID


@breaks("frame-of-reference")
def image_in_another_frame(objects: Objects) -> None:
    objects[6].FrameOfReferenceUID = "1.2.3"


@breaks("frame-of-reference")
def region_in_another_frame(objects: Objects) -> None:
    objects[-1].StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"


@breaks("geometry-even")
def a_slice_left_out(objects: Objects) -> Objects:
    gone = objects.pop(20)
    without_references_to(gone, objects[-1])
    return objects


@breaks("geometry-even")
def thickness_is_not_the_step(objects: Objects) -> None:
    for image in objects[:-1]:
        image.SliceThickness = "2"


@breaks("planes-axial")
def turned_against_the_patient(objects: Objects) -> None:
    # A prone patient's orientation, with the first pixel at the opposite corner: no contour leaves the image.
    for image in objects[:-1]:
        x, y, z = (float(value) for value in image.ImagePositionPatient)
        far = (x + 2 * (image.Columns - 1), y + 2 * (image.Rows - 1), z)
        image.ImagePositionPatient = [f"{value:.6g}" for value in far]
        image.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]


@breaks("planes-axial")
def pixels_not_square(objects: Objects) -> None:
    for image in objects[:-1]:
        image.PixelSpacing = ["2", "2.5"]


@breaks("geometry-even")
def one_slice_of_another_thickness(objects: Objects) -> None:
    objects[9].SliceThickness = "1.4"


@breaks("posture-agrees")
def another_posture(objects: Objects) -> None:
    for image in objects[:-1]:
        image.PatientPosition = "FFS"


@breaks("pixels-complete")
def pixels_cut(objects: Objects) -> None:
    objects[8].PixelData = objects[8].PixelData[:-2]


@breaks("pixels-declared")
def highest_bit_below_the_top(objects: Objects) -> None:
    objects[8].HighBit = 10


@breaks("pixels-declared")
def inverted_grey(objects: Objects) -> None:
    objects[8].PhotometricInterpretation = "MONOCHROME1"


@breaks("pixel-range")
def values_beyond_their_bits(objects: Objects) -> None:
    objects[8].PixelData = b"\xff\xff" + objects[8].PixelData[2:]


@breaks("pixel-range")
def intercept_wrong(objects: Objects) -> None:
    objects[8].RescaleIntercept = "-2048"


@breaks("pixel-range")
def not_in_hounsfield_units(objects: Objects) -> None:
    objects[8].RescaleType = "US"


@breaks("sources-named")
def source_of_another_series(objects: Objects) -> None:
    objects[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("sources-named")
def no_source(objects: Objects) -> None:
    del objects[0].SourceImageSequence


@breaks("sources-named")
def one_source_image_left_out(objects: Objects) -> None:
    del objects[0].SourceImageSequence[2]


@breaks("sources-named")
def a_slice_without_source(objects: Objects) -> None:
    del objects[3].SourceImageSequence


@breaks("images-resolve")
def listed_image_is_not_sent(objects: Objects) -> None:
    frame = objects[-1].ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    series.ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("images-resolve")
def contour_on_an_image_not_sent(objects: Objects) -> None:
    first_contour(objects).ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("images-listed")
def contours_on_unlisted_images(objects: Objects) -> None:
    del objects[-1].ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence


@breaks("regions-resolve")
def a_region_without_name(objects: Objects) -> None:
    objects[-1].StructureSetROISequence[1].ROIName = ""


@breaks("regions-resolve")
def contours_of_an_unlisted_region(objects: Objects) -> None:
    objects[-1].ROIContourSequence[1].ReferencedROINumber = 9


@breaks("regions-resolve")
def two_regions_of_one_name(objects: Objects) -> None:
    objects[-1].StructureSetROISequence[1].ROIName = "EXTERNAL"


@breaks("contours-countable")
def count_is_wrong(objects: Objects) -> None:
    first_contour(objects).NumberOfContourPoints += 1


@breaks("contours-countable")
def two_points(objects: Objects) -> None:
    contour = first_contour(objects, 1)
    contour.ContourData = list(contour.ContourData)[:6]
    contour.NumberOfContourPoints = 2


@breaks("contours-countable")
def an_open_contour(objects: Objects) -> None:
    first_contour(objects, 1).ContourGeometricType = "OPEN_PLANAR"


@breaks("contours-countable")
def half_a_point(objects: Objects) -> None:
    contour = first_contour(objects, 1)
    contour.ContourData = list(contour.ContourData)[:-1]


@breaks("contours-countable")
def a_region_without_contours(objects: Objects) -> None:
    del objects[-1].ROIContourSequence[1].ContourSequence


@breaks("contours-on-planes")
def contour_between_planes(objects: Objects) -> None:
    shift(first_contour(objects), axis=2, by=0.5)


@breaks("contours-on-planes")
def contour_of_no_image(objects: Objects) -> None:
    del first_contour(objects).ContourImageSequence


@breaks("contours-inside")
def contour_beside_the_image(objects: Objects) -> None:
    shift(first_contour(objects), axis=0, by=200.0)


@breaks("external-solid")
def outline_with_a_hole(objects: Objects) -> None:
    regions = objects[-1].ROIContourSequence
    regions[0].ContourSequence, regions[1].ContourSequence = regions[1].ContourSequence, regions[0].ContourSequence


@breaks("one-external")
def no_outline(objects: Objects) -> None:
    objects[-1].RTROIObservationsSequence[0].RTROIInterpretedType = "ORGAN"


def shift(contour: Dataset, axis: int, by: float) -> None:
    moved = [float(value) for value in contour.ContourData]
    moved[axis::3] = [value + by for value in moved[axis::3]]
    contour.ContourData = [f"{value:.6g}" for value in moved]


def raw_decimal(tag: int, written: str) -> object:
    padded = written.encode() + b" " * (len(written) % 2)
    return RawDataElement(Tag(tag), "DS", len(padded), padded, 0, True, True)


def without_references_to(gone: Dataset, structures: Dataset) -> None:
    uid = gone.SOPInstanceUID
    series = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    series.ContourImageSequence = Sequence(
        [image for image in series.ContourImageSequence if image.ReferencedSOPInstanceUID != uid]
    )
    for region in structures.ROIContourSequence:
        region.ContourSequence = Sequence(
            [c for c in region.ContourSequence if c.ContourImageSequence[0].ReferencedSOPInstanceUID != uid]
        )


def test_every_rule_has_a_sabotage() -> None:
    others = MR | MULTI_FRAME | WITHOUT_FRAME | REGISTRATIONS
    elsewhere = {rule.name for rule in RULES if rule.classes and rule.classes <= others}
    assert [rule for rule, sabotages in SABOTAGES.items() if not sabotages and rule not in elsewhere] == []


@pytest.mark.hazard("HAZ-02", "HAZ-05")
@pytest.mark.parametrize(
    ("rule", "sabotage"),
    [pytest.param(rule, one, id=f"{rule}-{one.__name__}") for rule, every in SABOTAGES.items() for one in every],
)
def test_each_breach_is_found_by_its_rule_alone(rule: str, sabotage: Sabotage) -> None:
    objects = reread()
    changed = sabotage(objects)
    checks = check_objects(objects if changed is None else changed, (MADE.source,))
    assert failed(checks) == [rule]
    (check,) = (check for check in checks if check.name == rule)
    assert check.verdict is Verdict.REJECT
    assert check.reason.parameters["clause"]
    assert not text(check.reason).startswith(check.reason.code), "a reason is told in words"
    assert "PH-0002" not in text(check.reason), "no patient data in reasons"


@pytest.mark.hazard("HAZ-02", "HAZ-03")
@pytest.mark.parametrize("name", ["identity-carried", "frame-of-reference", "geometry-even", "posture-agrees"])
def test_identity_frame_and_geometry_cannot_be_overridden(name: str) -> None:
    (rule,) = (rule for rule in RULES if rule.name == name)
    assert not rule.overridable


def test_an_empty_data_set_is_judged_without_a_crash() -> None:
    assert "synthetic-marked" in failed(check_objects((Dataset(),), (MADE.source,)))


def test_every_code_of_objects_and_semantics_has_a_text() -> None:
    root = Path(pipelines.__file__).parent
    literals = {
        node.value
        for folder in ("objects", "semantics")
        for path in (root / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    codes = {literal for literal in literals if re.fullmatch(r"object-[a-z-]+", literal)}
    assert len(codes) > 30
    assert codes <= TEXTS.keys()
