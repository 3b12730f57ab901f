"""What this project's multi-frame objects share, on top of what highdicom writes of their SOP classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import highdicom
from pydicom import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import CTImageStorage

from models.volumes import Array, Grid
from pipelines.contract import RunIdentity
from pipelines.objects.encoding import file_meta
from pipelines.objects.modules.equipment import general_equipment_module
from pipelines.objects.modules.frame_of_reference import frame_of_reference_module
from pipelines.objects.modules.image import inherited_lossy_compression, plane_in_any_orientation
from pipelines.objects.modules.patient_study import general_study_module, patient_module
from pipelines.objects.modules.sop_common import sop_common_module
from pipelines.objects.provenance import Derivation, derivation_module, instance_references, source_images
from pipelines.objects.times import moment
from pipelines.objects.uids import derive
from pipelines.objects.validation import validate
from pipelines.reading.series import SourceSeries


def placed(values: Array, grid: Grid, source: SourceSeries, segments: int | None = None) -> highdicom.Volume:
    """Return `values` on `grid` as highdicom places volumes: frames, rows, columns in LPS.

    Parameters
    ----------
    values
        Array [k, j, i], or [k, j, i, segment].
    grid
        Any orientation.
    source
        In whose frame of reference it stands.
    segments
        How many segments the last axis of `values` has; None where there is no such axis.
    """
    affine = grid.affine[:, [2, 1, 0, 3]]
    return highdicom.Volume(
        values,
        affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=source.header.FrameOfReferenceUID,
        channels=None if segments is None else {"SegmentNumber": list(range(1, segments + 1))},
    )


def study_of(source: SourceSeries, grid: Grid) -> Dataset:
    """Return a header that highdicom takes patient, study and frame of reference from; it is not referred to."""
    ds = Dataset()
    for part in (
        patient_module(source),
        general_study_module(source),
        frame_of_reference_module(source),
        plane_in_any_orientation(grid),
    ):
        ds.update(part)
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = source.header.SOPInstanceUID
    ds.SeriesInstanceUID = source.header.SeriesInstanceUID
    ds.Rows, ds.Columns = grid.size[1], grid.size[0]
    ds.ImagePositionPatient = list(grid.origin)
    return ds


def complete(
    dataset: Dataset,
    series: Dataset,
    role: str,
    derivation: Derivation,
    run: RunIdentity,
    digest: str,
    images: Sequence[Dataset] = (),
) -> Dataset:
    """Return `dataset` with the modules of this house: identity, equipment, provenance, and UIDs and times of the run.

    Parameters
    ----------
    dataset
        As highdicom made it.
    series
        Its series module.
    role
        What its SOPInstanceUID names (see `pipelines.objects.uids.derive`).
    derivation
        How it was derived, and from what.
    run, digest
        What computed, and the run's digest.
    images
        Images that frames refer to besides the sources.

    Raises
    ------
    UnfitObject
        When an attribute is missing or a value is over its limit.
    """
    source = derivation.sources[0]
    created = moment(run, source.header)
    whole = Dataset(dict(dataset.items()))
    # highdicom assumes a character set where the source has none; what it wrote of its own is ASCII.
    whole.pop("SpecificCharacterSet", None)
    for part in (
        patient_module(source),
        general_study_module(source),
        series,
        frame_of_reference_module(source),
        general_equipment_module(run),
        inherited_lossy_compression(source),
        derivation_module(derivation, run),
        source_images(derivation.sources),
        _common_instance_reference_module([*images, *(ds for one in derivation.sources for ds in one.datasets)]),
        sop_common_module(source, run),
    ):
        whole.update(part)
    whole.SOPInstanceUID = derive(digest, role)
    whole.ContentDate, whole.ContentTime = created.date, created.time
    organisation = derive(digest, f"{role}-dimensions")
    for item in (*whole.DimensionOrganizationSequence, *whole.DimensionIndexSequence):
        item.DimensionOrganizationUID = organisation
    whole.file_meta = file_meta(whole)
    return validate(whole)


def _common_instance_reference_module(images: Iterable[Dataset]) -> Dataset:
    """Common Instance Reference module (PS3.3 C.12.2): everything that is referred to, by series, each image once."""
    by_series: dict[str, dict[str, Dataset]] = {}
    for image in images:
        by_series.setdefault(str(image.SeriesInstanceUID), {})[str(image.SOPInstanceUID)] = image
    items = []
    for uid, members in by_series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        item.ReferencedInstanceSequence = instance_references(members.values())
        items.append(item)
    ds = Dataset()
    ds.ReferencedSeriesSequence = Items(items)
    return ds
