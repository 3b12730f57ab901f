"""A series of classic single-frame images, read as one volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from models.volumes import Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.attributes import image_type, required, whole
from pipelines.reading.pixels import values
from pipelines.reading.planes import ORIENTATION_TOLERANCE, POSITION_TOLERANCE_MM, Plane, stacked
from pipelines.reading.series import SourceSeries

_SHARED = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SOPClassUID",
    "Modality",
    "Rows",
    "Columns",
    "PatientPosition",
)
"""What all instances of one volume agree in. One of them differing means that two things were mixed."""

_TELLS_APART = (
    "EchoTime",
    "EchoNumbers",
    "InversionTime",
    "TriggerTime",
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "ImageType",
    "AcquisitionNumber",
)
"""Attributes that tell volumes of one series apart when slices come more than once."""


def read_series(instances: Sequence[SourceInstance]) -> SourceSeries:
    """Read the instances of one series as a volume in its own frame of reference.

    Order and place come from ImagePositionPatient and ImageOrientationPatient alone; instance numbers and file names
    say nothing. The volume's k axis is row x column, so its direction matrix is right-handed.

    Parameters
    ----------
    instances
        Classic single-frame images with pixel data, in any order.

    Returns
    -------
    The series, slices sorted by growing position along the normal.

    Raises
    ------
    UnreadableSeries
        With a code that says what is wrong and where: nothing given, multi-frame, a localizer, mixed attributes,
        several volumes in one series, missing or doubled slices, uneven or sheared spacing, or unusable pixel data.
    """
    datasets = [instance.dataset for instance in instances]
    if not datasets:
        raise UnreadableSeries("series-empty")
    for dataset in datasets:
        _refuse_other_kinds(dataset)
    _prove_shared(datasets)
    planes = [Plane.of(dataset) for dataset in datasets]
    _prove_parallel(planes, datasets)
    _refuse_several_volumes(planes, datasets)
    order = sorted(range(len(planes)), key=lambda index: float(planes[index].position @ planes[0].normal))
    ordered = tuple(datasets[index] for index in order)
    rows, columns = whole(ordered[0], "Rows"), whole(ordered[0], "Columns")
    grid = stacked([planes[index] for index in order], rows, columns)
    return SourceSeries(ordered, Volume(np.stack([values(dataset) for dataset in ordered]), grid))


def _refuse_other_kinds(dataset: Dataset) -> None:
    uid = str(required(dataset, "SOPInstanceUID"))
    kind = UID(str(required(dataset, "SOPClassUID")))
    frames = whole(dataset, "NumberOfFrames", 1)
    if kind.name.startswith(("Enhanced", "Legacy Converted Enhanced")) or frames > 1:
        raise UnreadableSeries("multi-frame-unsupported", instance=uid, found=kind.name, frames=frames)
    if "LOCALIZER" in image_type(dataset):
        raise UnreadableSeries("localizer", instance=uid)


def _prove_shared(datasets: Sequence[Dataset]) -> None:
    required(datasets[0], "FrameOfReferenceUID")
    for keyword in _SHARED:
        counts = Counter(str(dataset.get(keyword, "")) for dataset in datasets)
        if len(counts) > 1:
            # Identifiers of patients stay out of reasons: how many differ is what a person needs.
            raise UnreadableSeries("series-mixed", attribute=keyword, found=len(counts), expected=1)


def _prove_parallel(planes: Sequence[Plane], datasets: Sequence[Dataset]) -> None:
    first = planes[0]
    for plane, dataset in zip(planes, datasets, strict=True):
        same_axes = np.allclose(
            [plane.row, plane.column], [first.row, first.column], rtol=0, atol=ORIENTATION_TOLERANCE
        )
        if not same_axes:
            raise UnreadableSeries(
                "series-mixed",
                attribute="ImageOrientationPatient",
                found=2,
                expected=1,
                instance=dataset.SOPInstanceUID,
            )
        if not np.allclose(plane.spacing, first.spacing, rtol=0, atol=1e-4):
            raise UnreadableSeries(
                "series-mixed", attribute="PixelSpacing", found=2, expected=1, instance=dataset.SOPInstanceUID
            )


def _refuse_several_volumes(planes: Sequence[Plane], datasets: Sequence[Dataset]) -> None:
    normal = planes[0].normal
    places = Counter(round(float(plane.position @ normal) / (2 * POSITION_TOLERANCE_MM)) for plane in planes)
    if min(places.values()) < 2:
        return
    for keyword in _TELLS_APART:
        kinds = {str(dataset.get(keyword, "")) for dataset in datasets}
        if len(kinds) > 1:
            raise UnreadableSeries("several-volumes", attribute=keyword, found=len(kinds), expected=1)
