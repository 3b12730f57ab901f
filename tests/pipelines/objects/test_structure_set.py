from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from derived import DIGEST, GRID, RUN, derived, regions, source_series
from pydicom import dcmread

from pipelines.contract import Verdict
from pipelines.errors import UnfitObject
from pipelines.objects.encoding import encode
from pipelines.objects.profiles import HoleStyle, PlanningProfile
from pipelines.objects.provenance import is_ours, referenced_images
from pipelines.objects.rtstruct import Roi, structure_set
from pipelines.semantics import check_objects

MADE = derived()


def refused(rois: list[Roi], dropped: int = 0) -> str:
    with pytest.raises(UnfitObject) as caught:
        structure_set(rois, MADE.images[dropped:], GRID, MADE.source, RUN, DIGEST)
    return caught.value.reason.code


@pytest.mark.hazard("HAZ-21")
def test_every_contour_lies_on_the_plane_of_the_image_that_it_names() -> None:
    written = dcmread(BytesIO(encode(MADE.structures)))
    heights = {image.SOPInstanceUID: str(image.ImagePositionPatient[2]) for image in MADE.images}
    for region in written.ROIContourSequence:
        for contour in region.ContourSequence:
            (image,) = contour.ContourImageSequence
            assert {str(z) for z in contour.ContourData[2::3]} == {heights[image.ReferencedSOPInstanceUID]}
            assert contour.NumberOfContourPoints == len(contour.ContourData) // 3 >= 3


@pytest.mark.hazard("HAZ-21")
def test_contours_follow_the_voxels_outer_edges() -> None:
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[7, 10:14, 20:30] = True
    box = replace(regions()[0], mask=mask)
    written = structure_set([box], MADE.images, GRID, MADE.source, RUN, DIGEST)
    (contour,) = written.ROIContourSequence[0].ContourSequence
    points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
    x, y, z = GRID.origin
    assert [points[:, 0].min(), points[:, 0].max()] == pytest.approx([x + 2.0 * 19.5, x + 2.0 * 29.5])
    assert [points[:, 1].min(), points[:, 1].max()] == pytest.approx([y + 2.0 * 9.5, y + 2.0 * 13.5])
    assert set(points[:, 2]) == {z + 1.5 * 7}
    assert len(points) == 4
    assert written.StructureSetROISequence[0].ROIVolume == pytest.approx(4 * 10 * 2.0 * 2.0 * 1.5 / 1000)


def test_it_states_what_the_planning_system_needs() -> None:
    written = dcmread(BytesIO(encode(MADE.structures)))
    assert written.ApprovalStatus == "UNAPPROVED"
    assert [item.ROIName for item in written.StructureSetROISequence] == ["External", "Bone"]
    assert {item.ROIGenerationAlgorithm for item in written.StructureSetROISequence} == {"AUTOMATIC"}
    families = [
        item.ROIDerivationAlgorithmIdentificationSequence[0].AlgorithmFamilyCodeSequence[0].CodeValue
        for item in written.StructureSetROISequence
    ]
    assert families == ["123110", "123110"]
    assert [item.RTROIInterpretedType for item in written.RTROIObservationsSequence] == ["EXTERNAL", "ORGAN"]
    assert [list(item.ROIDisplayColor) for item in written.ROIContourSequence] == [[0, 200, 0], [240, 220, 120]]
    for keyword in ("OperatorsName", "AccessionNumber", "ReferringPhysicianName"):
        assert keyword in written


@pytest.mark.hazard("HAZ-13")
def test_it_is_recognised_and_so_are_the_images_it_is_drawn_on() -> None:
    written = dcmread(BytesIO(encode(MADE.structures)))
    assert is_ours(written)
    assert referenced_images(written) == {image.SOPInstanceUID for image in MADE.images}
    del written.ContributingEquipmentSequence
    assert is_ours(written), "the derivation code is left"
    del written.DerivationCodeSequence
    assert not is_ours(written)
    assert not is_ours(source_series().header)
    assert referenced_images(source_series().header) == frozenset()


def test_long_contours_keep_their_vr() -> None:
    checkerboard = np.zeros(GRID.shape, dtype=bool)
    checkerboard[3, ::2, :] = True
    checkerboard[3, :, 0] = True
    comb = replace(regions()[0], mask=checkerboard)
    many = np.zeros(GRID.shape, dtype=bool)
    many[3] = np.random.default_rng(1).random(GRID.shape[1:]) > 0.4
    written = structure_set([comb, replace(regions()[1], mask=many)], MADE.images, GRID, MADE.source, RUN, DIGEST)
    back = dcmread(BytesIO(encode(written)))
    longest = max(c["ContourData"].VM for r in back.ROIContourSequence for c in r.ContourSequence)
    assert longest * 6 > 2000
    assert {c["ContourData"].VR for r in back.ROIContourSequence for c in r.ContourSequence} == {"DS"}


def test_unfit_regions_are_refused() -> None:
    external, bone = regions()
    empty = np.zeros(GRID.shape, dtype=bool)
    assert refused([]) == "object-no-rois"
    assert refused([external, replace(bone, name="EXTERNAL")]) == "object-roi-doubled"
    assert refused([external, replace(bone, number=1)]) == "object-roi-doubled"
    assert refused([replace(external, name="A name of seventeen")]) == "object-roi-name"
    assert refused([replace(external, name="Körper")]) == "object-roi-name"
    assert refused([replace(external, name="")]) == "object-roi-name"
    assert refused([replace(external, number=0)]) == "object-roi-number"
    assert refused([replace(external, mask=empty)]) == "object-roi-empty"
    assert refused([replace(external, mask=empty[1:])]) == "object-roi-shape"
    assert refused([external], dropped=20) == "object-contour-without-image"


def test_images_of_another_frame_are_refused() -> None:
    other = derived(source_series(FrameOfReferenceUID="1.2.3"))
    with pytest.raises(UnfitObject) as caught:
        structure_set(regions(), other.images, GRID, MADE.source, RUN, DIGEST)
    assert caught.value.reason.code == "object-frames-differ"


def test_holes_are_keyholes_or_combined_by_exclusive_or_as_the_profile_says() -> None:
    run = replace(RUN, profile=PlanningProfile(hole_style=HoleStyle.XOR))
    xor = structure_set(regions(), MADE.images, GRID, MADE.source, run, DIGEST)
    kinds = [{c.ContourGeometricType for c in roi.ContourSequence} for roi in xor.ROIContourSequence]
    assert kinds == [{"CLOSED_PLANAR"}, {"CLOSEDPLANAR_XOR"}]
    assert {c.ContourGeometricType for roi in MADE.structures.ROIContourSequence for c in roi.ContourSequence} == {
        "CLOSED_PLANAR"
    }
    checks = check_objects((*MADE.images, xor), (MADE.source,))
    assert [check.name for check in checks if check.verdict is not Verdict.PASS] == []


def test_the_label_tells_runs_apart_and_is_short() -> None:
    other = structure_set(regions(), MADE.images, GRID, MADE.source, RUN, "ef" * 32)
    assert other.StructureSetLabel != MADE.structures.StructureSetLabel
    assert len(other.StructureSetLabel) <= 16
