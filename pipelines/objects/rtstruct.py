"""RT Structure Set Storage (PS3.3 A.19): contours on the slices of an image, synthetic or the source's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import RTStructureSetStorage

from models.volumes import Grid
from pipelines.contract import RunIdentity
from pipelines.errors import UnfitObject
from pipelines.objects.codes import ARTIFICIAL_INTELLIGENCE, MR_TO_CT, SEGMENTATION, coded
from pipelines.objects.contour_items import contour_sequence
from pipelines.objects.decimals import exact, text
from pipelines.objects.encoding import file_meta
from pipelines.objects.lengths import SHORT_LIMIT
from pipelines.objects.modules.equipment import general_equipment_module
from pipelines.objects.modules.frame_of_reference import frame_of_reference_module
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.series import series_module
from pipelines.objects.modules.sop_common import sop_common_module
from pipelines.objects.profiles import HoleStyle
from pipelines.objects.provenance import Derivation, derivation_module, references, source_images
from pipelines.objects.times import Moment, moment
from pipelines.objects.uids import derive
from pipelines.objects.validation import validate
from pipelines.reading.series import SourceSeries

_DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"
"""The retired class that RTReferencedStudySequence names a study by (PS3.3 C.8.8.5)."""


SOURCE_FIELD_ROI = "zSource_Field"
"""Name of the region that the source images cover; what lies outside was written as air, and nobody saw it. AAPM TG-263
begins the names of what is no anatomy with a z."""


@dataclass(frozen=True, slots=True, eq=False)
class Roi:
    """One region to be contoured.

    Attributes
    ----------
    number
        ROINumber, unique in the set, at least 1.
    name
        By AAPM TG-263, unique in the set, at most 16 characters.
    mask
        Boolean array [k, j, i] on the grid of the structure set.
    interpreted_type
        RTROIInterpretedType: ORGAN, EXTERNAL for the body, empty for what is no anatomy.
    code
        What it is.
    colour
        Display colour, red, green, blue, 0 to 255.
    """

    number: int
    name: str
    mask: npt.NDArray[np.bool_]
    interpreted_type: str
    code: Code
    colour: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Contoured:
    """What contours are drawn on, and how they came about.

    Attributes
    ----------
    code
        The derivation's kind, see `pipelines.objects.provenance.Derivation`.
    what
        The contours in words, for the derivation's description.
    name
        StructureSetName.
    """

    code: Code
    what: str
    name: str


ON_SYNTHETIC_CT = Contoured(MR_TO_CT, "contours on a synthetic CT", "SYNTHETIC CT contours")
ON_CT = Contoured(SEGMENTATION, "contours of organs", "SYNTHETIC organs on CT")


def structure_set(
    rois: Sequence[Roi],
    images: Sequence[Dataset],
    grid: Grid,
    source: SourceSeries,
    run: RunIdentity,
    digest: str,
    others: Sequence[SourceSeries] = (),
    contoured: Contoured = ON_SYNTHETIC_CT,
) -> Dataset:
    """Return the structure set of `rois`, with every contour on a slice of `images`.

    Parameters
    ----------
    rois
        Their masks stand on `grid`.
    images
        The CT's instances on the slices of `grid`: those of a synthetic one, or the source's own.
    grid
        Identity direction (LPS).
    source, run, digest
        As for the images; the run's planning profile says how holes are written.
    others
        Further series that the contours were computed from.
    contoured
        What they are drawn on.

    Raises
    ------
    UnfitObject
        If names or numbers are doubled or too long, a mask is empty or of another shape, or a slice of a mask has no
        image.

    Notes
    -----
    ApprovalStatus is UNAPPROVED whatever this node's reviewers said: approval belongs to the planning system.
    """
    _check_fit(rois, images, grid, source)
    created = moment(run, source.header)
    ds = Dataset()
    for part in (
        patient_module(source),
        general_study_module(source),
        frame_of_reference_module(source),
        general_equipment_module(run),
        _rt_series_module(source, run, digest),
        _structure_set_module(rois, images, grid, run, digest, created, contoured.name),
        _roi_contour_module(rois, images, grid, run.profile.hole_style),
        _rt_roi_observations_module(rois),
        _approval_module(),
        derivation_module(Derivation(contoured.code, contoured.what, (source, *others)), run),
        source_images((source, *others)),
        sop_common_module(source, run),
    ):
        ds.update(part)
    ds.SOPClassUID = RTStructureSetStorage
    ds.SOPInstanceUID = derive(digest, "rtstruct")
    ds.file_meta = file_meta(ds)
    return validate(ds)


def _check_fit(rois: Sequence[Roi], images: Sequence[Dataset], grid: Grid, source: SourceSeries) -> None:
    if not rois:
        raise UnfitObject("object-no-rois", accepted="at least one")
    if not np.allclose(grid.direction, np.eye(3), rtol=0, atol=1e-9):
        raise UnfitObject("object-grid-oblique", accepted="an axial grid, directions identity in LPS")
    frames = {str(image.FrameOfReferenceUID) for image in images} | {str(source.header.FrameOfReferenceUID)}
    if len(frames) > 1:
        raise UnfitObject("object-frames-differ", found=len(frames), accepted=1)
    for what, keys in (("name", [roi.name.casefold() for roi in rois]), ("number", [str(r.number) for r in rois])):
        for key, count in Counter(keys).items():
            if count > 1:
                raise UnfitObject("object-roi-doubled", attribute=what, found=key)
    for roi in rois:
        _check_roi(roi, grid)


def _check_roi(roi: Roi, grid: Grid) -> None:
    if not 1 <= len(roi.name) <= SHORT_LIMIT or not roi.name.isascii() or "\\" in roi.name:
        raise UnfitObject("object-roi-name", found=roi.name, accepted=f"1 to {SHORT_LIMIT} ASCII characters")
    if roi.number < 1:
        raise UnfitObject("object-roi-number", roi=roi.name, found=roi.number, accepted="1 or more")
    if roi.mask.shape != grid.shape:
        raise UnfitObject("object-roi-shape", roi=roi.name, found=str(roi.mask.shape), accepted=str(grid.shape))
    if not roi.mask.any():
        raise UnfitObject("object-roi-empty", roi=roi.name)


def _rt_series_module(source: SourceSeries, run: RunIdentity, digest: str) -> Dataset:
    """RT Series module (PS3.3 C.8.8.1)."""
    ds = series_module(source, run, digest, "rtstruct-series", 1, "RTSTRUCT", "CT contours")
    ds.OperatorsName = ""
    return ds


def _structure_set_module(
    rois: Sequence[Roi],
    images: Sequence[Dataset],
    grid: Grid,
    run: RunIdentity,
    digest: str,
    created: Moment,
    name: str,
) -> Dataset:
    """Structure Set module (PS3.3 C.8.8.5)."""
    ds = Dataset()
    ds.InstanceNumber = 1
    # Planning systems list sets by label: that of another run of the same patient must differ.
    ds.StructureSetLabel = f"SYNTH-{digest[:8]}"
    ds.StructureSetName = name
    ds.StructureSetDate, ds.StructureSetTime = created.date, created.time
    ds.ReferencedFrameOfReferenceSequence = Items([_referenced_frame(images)])
    frame = images[0].FrameOfReferenceUID
    ds.StructureSetROISequence = Items([_listed(roi, frame, grid, run) for roi in rois])
    return ds


def _referenced_frame(images: Sequence[Dataset]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = images[0].SeriesInstanceUID
    series.ContourImageSequence = references(images)
    study = Dataset()
    study.ReferencedSOPClassUID = _DETACHED_STUDY
    study.ReferencedSOPInstanceUID = images[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = Items([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = images[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = Items([study])
    return frame


def _listed(roi: Roi, frame: str, grid: Grid, run: RunIdentity) -> Dataset:
    item = Dataset()
    item.ROINumber = roi.number
    item.ReferencedFrameOfReferenceUID = frame
    item.ROIName = roi.name
    millilitres = np.count_nonzero(roi.mask) * float(np.prod(grid.spacing)) / 1000
    item.ROIVolume = text(exact(round(millilitres, 3)))
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    algorithm = Dataset()
    algorithm.AlgorithmFamilyCodeSequence = coded(ARTIFICIAL_INTELLIGENCE)
    algorithm.AlgorithmName = f"{run.pipeline} with {run.models_text}"[:64]
    algorithm.AlgorithmVersion = run.pipeline_version
    item.ROIDerivationAlgorithmIdentificationSequence = Items([algorithm])
    return item


def _roi_contour_module(rois: Iterable[Roi], images: Sequence[Dataset], grid: Grid, style: HoleStyle) -> Dataset:
    """ROI Contour module (PS3.3 C.8.8.6)."""
    by_height = {Decimal(str(image.ImagePositionPatient[2])): image for image in images}
    items = []
    for roi in rois:
        item = Dataset()
        item.ROIDisplayColor = list(roi.colour)
        item.ReferencedROINumber = roi.number
        item.ContourSequence = contour_sequence(roi.name, roi.mask, grid, by_height, style)
        items.append(item)
    ds = Dataset()
    ds.ROIContourSequence = Items(items)
    return ds


def _rt_roi_observations_module(rois: Iterable[Roi]) -> Dataset:
    """RT ROI Observations module (PS3.3 C.8.8.8)."""
    items = []
    for number, roi in enumerate(rois, start=1):
        item = Dataset()
        item.ObservationNumber = number
        item.ReferencedROINumber = roi.number
        item.ROIObservationLabel = roi.name
        item.RTROIIdentificationCodeSequence = coded(roi.code)
        item.RTROIInterpretedType = roi.interpreted_type
        item.ROIInterpreter = ""
        items.append(item)
    ds = Dataset()
    ds.RTROIObservationsSequence = Items(items)
    return ds


def _approval_module() -> Dataset:
    """Approval module (PS3.3 C.8.8.16)."""
    ds = Dataset()
    ds.ApprovalStatus = "UNAPPROVED"
    return ds
