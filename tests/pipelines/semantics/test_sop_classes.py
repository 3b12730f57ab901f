"""Rules of a synthetic MR, an uncertainty map and a segmentation: sound ones pass, each breach is found by its rule."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from derived import DIGEST, GRID, RUN, derived, head, radius, regions, source_series
from pydicom import Dataset, dcmread

from models.volumes import Grid, Volume
from pipelines.contract import Check, Verdict
from pipelines.objects.encoding import encode
from pipelines.objects.mr import synthetic_mr_series
from pipelines.objects.parametric_map import uncertainty_map
from pipelines.objects.seg import Segment, segmentation
from pipelines.reading.series import SourceSeries
from pipelines.reasons import text
from pipelines.semantics import check_objects
from pipelines.semantics.check import RULES
from pipelines.semantics.rules import MR, MULTI_FRAME

Sabotage = Callable[[list[Dataset]], None]

CT = source_series(Modality="CT", SeriesInstanceUID="1.2.826.0.1.3680043.8.498.33")
SAGITTAL = Grid((32, 30, 6), (4.0, 4.0, 20.0), (-50.0, -60.0, 40.0), CT.volume.grid.direction)
MADE = derived()
UNCERTAIN = Volume(np.where(radius(GRID) < 1, radius(GRID) * 50, np.nan).astype(np.float32), GRID)
SEGMENTS = [Segment(roi.name, roi.mask, roi.code) for roi in regions()]


def files(objects: tuple[Dataset, ...]) -> tuple[bytes, ...]:
    return tuple(encode(dataset) for dataset in objects)


SIGNAL = Volume(np.clip(head(SAGITTAL).values + 1000, 0, None), SAGITTAL)
SOUND: dict[str, tuple[SourceSeries, tuple[bytes, ...]]] = {
    "mr": (CT, files(synthetic_mr_series(SIGNAL, CT, RUN, DIGEST, resampled=False, body_part="HEAD"))),
    "map": (MADE.source, files((uncertainty_map(UNCERTAIN, MADE.source, RUN, DIGEST, body_part="HEAD"),))),
    "ct and map": (
        MADE.source,
        files((*MADE.images, uncertainty_map(UNCERTAIN, MADE.source, RUN, DIGEST, body_part="HEAD"))),
    ),
    "seg": (
        MADE.source,
        files((*MADE.images, segmentation(SEGMENTS, MADE.images, GRID, MADE.source, RUN, DIGEST, body_part="HEAD"))),
    ),
}
SABOTAGES: list[tuple[str, str, Sabotage]] = []


def breaks(rule: str, what: str) -> Callable[[Sabotage], Sabotage]:
    def register(sabotage: Sabotage) -> Sabotage:
        SABOTAGES.append((rule, what, sabotage))
        return sabotage

    return register


def failed(checks: tuple[Check, ...]) -> list[str]:
    return [check.name for check in checks if check.verdict is not Verdict.PASS]


def read(what: str) -> list[Dataset]:
    return [dcmread(BytesIO(content)) for content in SOUND[what][1]]


@pytest.mark.parametrize("what", SOUND)
def test_sound_objects_pass(what: str) -> None:
    assert failed(check_objects(read(what), (SOUND[what][0],))) == []


def test_all_of_one_run_pass_together() -> None:
    uncertainty = uncertainty_map(UNCERTAIN, MADE.source, RUN, DIGEST, body_part="HEAD")
    masks = segmentation(SEGMENTS, MADE.images, GRID, MADE.source, RUN, DIGEST, body_part="HEAD")
    assert failed(check_objects((*MADE.objects, uncertainty, masks), (MADE.source,))) == []


def test_rules_of_classes_that_are_not_there_are_not_claimed() -> None:
    names = {check.name for check in check_objects(read("mr"), (CT,))}
    assert "signal-unscaled" in names
    assert names.isdisjoint({"planes-axial", "pixel-range", "contours-on-planes", "segments-declared"})


@pytest.mark.hazard("HAZ-05")
def test_every_source_must_be_named_and_no_series_uid_of_any_taken() -> None:
    second = source_series(SeriesInstanceUID="1.2.826.0.1.3680043.8.498.44")
    for number, dataset in enumerate(second.datasets):
        dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.8.498.45.{number}"
    both = (MADE.source, second)
    assert failed(check_objects(MADE.objects, both)) == ["sources-named"]
    objects = [uncertainty_map(UNCERTAIN, MADE.source, RUN, DIGEST, others=[second], body_part="HEAD")]
    assert failed(check_objects(objects, both)) == []
    objects[0].SeriesInstanceUID = second.header.SeriesInstanceUID
    assert failed(check_objects(objects, both)) == ["uids-unique"]


@breaks("geometry-even", "mr")
def a_slice_left_out(objects: list[Dataset]) -> None:
    del objects[3]


@breaks("geometry-even", "mr")
def a_slice_drifts_sideways(objects: list[Dataset]) -> None:
    x, y, z = objects[2].ImagePositionPatient
    objects[2].ImagePositionPatient = [x, float(y) + 1, z]


@breaks("geometry-even", "mr")
def rows_and_columns_not_orthogonal(objects: list[Dataset]) -> None:
    for image in objects:
        image.ImageOrientationPatient = [0, 1, 0, 0, 0.1, -0.995]


@breaks("posture-agrees", "mr")
def another_position(objects: list[Dataset]) -> None:
    for image in objects:
        image.PatientPosition = "FFS"


@breaks("signal-unscaled", "mr")
def a_rescale_slope(objects: list[Dataset]) -> None:
    objects[1].RescaleSlope = "2"


@breaks("signal-unscaled", "mr")
def a_slice_of_another_scale(objects: list[Dataset]) -> None:
    objects[1].RealWorldValueMappingSequence[0].RealWorldValueSlope = 2.0


@breaks("signal-unscaled", "mr")
def a_mapping_that_begins_elsewhere(objects: list[Dataset]) -> None:
    objects[1].RealWorldValueMappingSequence[0].RealWorldValueIntercept = -1.0


@breaks("acquisition-unclaimed", "mr")
def an_echo_time(objects: list[Dataset]) -> None:
    objects[1].EchoTime = "4.2"


@breaks("acquisition-unclaimed", "mr")
def a_spin_echo(objects: list[Dataset]) -> None:
    objects[1].ScanningSequence = "SE"


@breaks("series-of-one-modality", "mr")
def an_mr_that_says_ct(objects: list[Dataset]) -> None:
    for image in objects:
        image.Modality = "CT"


@breaks("frames-even", "map")
def a_frame_between_planes(objects: list[Dataset]) -> None:
    plane = objects[0].PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0]
    x, y, z = plane.ImagePositionPatient
    plane.ImagePositionPatient = [x, y, float(z) + 0.5]


@breaks("frames-even", "map")
def a_step_that_is_not_the_spacing(objects: list[Dataset]) -> None:
    objects[0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = "3"


@breaks("frames-even", "map")
def a_frame_undescribed(objects: list[Dataset]) -> None:
    del objects[0].PerFrameFunctionalGroupsSequence[4]


@breaks("frames-even", "seg")
def a_mask_between_planes(objects: list[Dataset]) -> None:
    plane = objects[-1].PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0]
    x, y, z = plane.ImagePositionPatient
    plane.ImagePositionPatient = [x, y, float(z) + 0.2]


def shift(objects: list[Dataset], by_mm: float) -> None:
    for frame in objects[-1].PerFrameFunctionalGroupsSequence:
        plane = frame.PlanePositionSequence[0]
        x, y, z = plane.ImagePositionPatient
        plane.ImagePositionPatient = [float(x) + by_mm, y, z]


@breaks("frames-on-images", "ct and map")
def a_map_half_a_pixel_beside_its_images(objects: list[Dataset]) -> None:
    shift(objects, GRID.spacing[0] / 2)


@breaks("frames-on-images", "seg")
def masks_half_a_pixel_beside_their_images(objects: list[Dataset]) -> None:
    shift(objects, GRID.spacing[0] / 2)


@breaks("frames-on-images", "ct and map")
def a_map_of_larger_pixels(objects: list[Dataset]) -> None:
    measures = objects[-1].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.PixelSpacing = [value * 1.02 for value in GRID.spacing[1::-1]]


@breaks("frames-on-images", "ct and map")
def a_map_turned_about_its_first_pixel(objects: list[Dataset]) -> None:
    plane = objects[-1].SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]


@breaks("frames-on-images", "seg")
def masks_that_name_the_images_of_other_planes(objects: list[Dataset]) -> None:
    frames = objects[-1].PerFrameFunctionalGroupsSequence
    frames[0].DerivationImageSequence, frames[1].DerivationImageSequence = (
        frames[1].DerivationImageSequence,
        frames[0].DerivationImageSequence,
    )


@breaks("frame-of-reference", "map")
def a_map_in_another_frame(objects: list[Dataset]) -> None:
    objects[0].FrameOfReferenceUID = "1.2.3"


@breaks("frames-resolve", "map")
def a_frame_derived_from_something_unlisted(objects: list[Dataset]) -> None:
    derivation = objects[0].SharedFunctionalGroupsSequence[0].DerivationImageSequence[0]
    derivation.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("frames-resolve", "seg")
def a_listed_image_is_unknown(objects: list[Dataset]) -> None:
    objects[-1].ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@breaks("values-mapped", "map")
def zero_is_mapped(objects: list[Dataset]) -> None:
    mapping = objects[0].SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.RealWorldValueFirstValueMapped = 0


@breaks("values-mapped", "map")
def another_unit(objects: list[Dataset]) -> None:
    mapping = objects[0].SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    mapping.MeasurementUnitsCodeSequence[0].CodeValue = "mm"


@breaks("pixels-complete", "map")
def pixels_of_a_frame_missing(objects: list[Dataset]) -> None:
    objects[0].PixelData = objects[0].PixelData[: -GRID.size[0] * GRID.size[1] * 2]


@breaks("pixels-complete", "seg")
def bits_of_masks_missing(objects: list[Dataset]) -> None:
    objects[-1].PixelData = objects[-1].PixelData[:-4]


@breaks("segments-declared", "seg")
def a_fractional_segmentation(objects: list[Dataset]) -> None:
    objects[-1].SegmentationType = "FRACTIONAL"


@breaks("segments-declared", "seg")
def frames_of_an_unlisted_segment(objects: list[Dataset]) -> None:
    objects[-1].PerFrameFunctionalGroupsSequence[0].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 7


@breaks("synthetic-marked", "seg")
def an_unmarked_segmentation(objects: list[Dataset]) -> None:
    objects[-1].SyntheticData = "NO"


@breaks("sources-named", "seg")
def masks_of_no_source(objects: list[Dataset]) -> None:
    del objects[-1].SourceImageSequence


def test_every_rule_of_these_classes_has_a_sabotage() -> None:
    own = {rule.name for rule in RULES if rule.classes and rule.classes <= MR | MULTI_FRAME}
    assert own <= {rule for rule, _, _ in SABOTAGES}


@pytest.mark.hazard("HAZ-02", "HAZ-03", "HAZ-05")
@pytest.mark.parametrize(
    ("rule", "what", "sabotage"), [pytest.param(*one, id=f"{one[1]}-{one[2].__name__}") for one in SABOTAGES]
)
def test_each_breach_is_found_by_its_rule_alone(rule: str, what: str, sabotage: Sabotage) -> None:
    objects = read(what)
    sabotage(objects)
    checks = check_objects(objects, (SOUND[what][0],))
    assert failed(checks) == [rule]
    (check,) = (check for check in checks if check.name == rule)
    assert check.verdict is Verdict.REJECT
    assert not text(check.reason).startswith(check.reason.code)
    assert "unreadable" not in check.reason.code
