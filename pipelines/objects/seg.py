"""Segmentation Storage (PS3.3 A.51): binary masks on the planes of images, one multi-frame instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian

from models.volumes import Grid
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import ANATOMICAL_STRUCTURE, ARTIFICIAL_INTELLIGENCE, SEGMENTATION
from pipelines.objects.modules.series import patient_in_series, series_module
from pipelines.objects.multiframe import complete, placed
from pipelines.objects.provenance import Derivation
from pipelines.objects.uids import derive
from pipelines.reading.series import SourceSeries

_LABEL_LENGTH = 64


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One region of a segmentation; its number is its place, from 1.

    Attributes
    ----------
    label
        SegmentLabel, unique in the segmentation, at most 64 characters.
    mask
        Boolean array [k, j, i] on the segmentation's grid.
    code
        What it is (SegmentedPropertyType).
    category
        Its category (SegmentedPropertyCategory).
    """

    label: str
    mask: npt.NDArray[np.bool_]
    code: Code
    category: Code = ANATOMICAL_STRUCTURE


def segmentation(
    segments: Sequence[Segment],
    images: Sequence[Dataset],
    grid: Grid,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    *,
    body_part: str,
    others: Sequence[SourceSeries] = (),
) -> Dataset:
    """Return the segmentation of `segments`; frames without a voxel are left out.

    Parameters
    ----------
    segments
        Their masks stand on `grid`.
    images
        Single-frame images on the planes of `grid`: the source's, or those of the synthetic image that goes along.
        Each frame refers to the one in its plane.
    grid
        Any orientation.
    source, run, digest
        What it was computed from, what computed, and the run's digest, which UIDs follow from.
    body_part
        BodyPartExamined where the source states none that is unpaired.
    others
        Further series that it was computed from.

    Raises
    ------
    UnfitObject
        If there is no segment, labels are doubled or too long, a mask is empty or of another shape, or the images do
        not have the planes of `grid`.

    Notes
    -----
    BINARY, because DCMTK 3.6.7's storescu refuses LABELMAP.
    """
    _check_fit(segments, grid)
    algorithm = AlgorithmIdentificationSequence(
        name=f"{run.pipeline} with {run.models_text}"[:64],
        version=run.pipeline_version,
        family=ARTIFICIAL_INTELLIGENCE,
    )
    masks = np.stack([one.mask for one in segments], axis=-1).astype(np.uint8)
    made = Segmentation(
        source_images=images,
        pixel_array=placed(masks, grid, source, len(segments)),
        segmentation_type="BINARY",
        segment_descriptions=[
            SegmentDescription(
                segment_number=number,
                segment_label=one.label,
                segmented_property_category=one.category,
                segmented_property_type=one.code,
                algorithm_type="AUTOMATIC",
                algorithm_identification=algorithm,
                tracking_uid=derive(digest, "segment", number),
                tracking_id=one.label,
            )
            for number, one in enumerate(segments, start=1)
        ],
        series_instance_uid=derive(digest, "segmentation-series"),
        series_number=1,
        sop_instance_uid=derive(digest, "segmentation"),
        instance_number=1,
        manufacturer=run.profile.manufacturer,
        manufacturer_model_name=run.profile.model_name,
        software_versions=run.software_version,
        device_serial_number=run.profile.device_serial,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_label="SEGMENTATION",
        content_description="SYNTHETIC: segmentation by a network",
    )
    for frame in made.PerFrameFunctionalGroupsSequence:
        named = sum(len(item.SourceImageSequence) for item in frame.get("DerivationImageSequence") or ())
        if named != 1:
            raise UnfitObject("object-segment-plane", found=named)
    series = series_module(source, run, digest, "segmentation-series", 3, "SEG", "segmentation")
    series.update(patient_in_series(source, body_part))
    derivation = Derivation(SEGMENTATION, "segmentation", (source, *others))
    return complete(made, series, "segmentation", derivation, run, digest, images)


def _check_fit(segments: Sequence[Segment], grid: Grid) -> None:
    if not segments:
        raise UnfitObject("object-no-rois", accepted="at least one")
    labels = [one.label.casefold() for one in segments]
    for one in segments:
        if not 1 <= len(one.label) <= _LABEL_LENGTH or not one.label.isascii() or "\\" in one.label:
            raise UnfitObject("object-roi-name", found=one.label, accepted=f"1 to {_LABEL_LENGTH} ASCII characters")
        if labels.count(one.label.casefold()) > 1:
            raise UnfitObject("object-roi-doubled", attribute="label", found=one.label)
        if one.mask.shape != grid.shape:
            raise UnfitObject("object-roi-shape", roi=one.label, found=str(one.mask.shape), accepted=str(grid.shape))
        if not one.mask.any():
            raise UnfitObject("object-roi-empty", roi=one.label)
