"""A series of classic single-frame images, read as one volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from models.volumes import Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.headers import Header
from pipelines.headers.frames import is_multi_frame
from pipelines.headers.orientation import SAME_ORIENTATION, group_orientations
from pipelines.headers.parts import divide
from pipelines.headers.series import spread
from pipelines.reading.acquisitions import check_one_acquisition
from pipelines.reading.attributes import image_type, required, whole
from pipelines.reading.pixels import values
from pipelines.reading.planes import Plane, stacked
from pipelines.reading.series import SourceSeries

_SAME_SPACING_MM = 1e-4


def read_series(instances: Sequence[SourceInstance]) -> SourceSeries:
    """Read the instances of one series as a volume in its own frame of reference.

    Localizers and a few images of another orientation are set aside (`pipelines.headers.parts`). Order and place come
    from ImagePositionPatient and ImageOrientationPatient alone; instance numbers and file names say nothing. The
    volume's k axis is row x column, so its direction matrix is right-handed.

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
    # In an order of their own, so that nothing hangs on which came first.
    datasets = sorted((instance.dataset for instance in instances), key=lambda one: str(one.get("SOPInstanceUID", "")))
    if not datasets:
        raise UnreadableSeries("series-empty")
    for dataset in datasets:
        _check_single_frame(dataset)
    parts = divide([Header.from_dataset(dataset) for dataset in datasets])
    datasets = [datasets[index] for index in parts.volume]
    _check_no_localizer(datasets)
    check_one_acquisition(datasets)
    planes = [Plane.of(dataset) for dataset in datasets]
    _check_parallel(planes, datasets)
    order = sorted(range(len(planes)), key=lambda index: float(planes[index].position @ planes[0].normal))
    ordered = tuple(datasets[index] for index in order)
    rows, columns = whole(ordered[0], "Rows"), whole(ordered[0], "Columns")
    grid = stacked([planes[index] for index in order], rows, columns)
    volume = Volume(np.stack([values(dataset) for dataset in ordered]), grid)
    return SourceSeries(ordered, volume, parts)


def _check_single_frame(dataset: Dataset) -> None:
    uid = str(required(dataset, "SOPInstanceUID"))
    kind = UID(str(required(dataset, "SOPClassUID")))
    frames = whole(dataset, "NumberOfFrames", 1)
    if frames > 1 or is_multi_frame(Header.from_dataset(dataset)):
        raise UnreadableSeries("multi-frame-unsupported", instance=uid, found=kind.name, frames=frames)


def _check_no_localizer(datasets: Sequence[Dataset]) -> None:
    for dataset in datasets:
        if "LOCALIZER" in image_type(dataset):
            raise UnreadableSeries("localizer", instance=str(required(dataset, "SOPInstanceUID")))


def _check_parallel(planes: Sequence[Plane], datasets: Sequence[Dataset]) -> None:
    headers = [Header.from_dataset(dataset) for dataset in datasets]
    first = planes[0]
    cosines = [header.numbers("ImageOrientationPatient") for header in headers]
    # Groups chain: a stack that turns a little from slice to slice is one group and yet not one volume.
    spans = np.ptp(np.asarray(cosines, dtype=np.float64), axis=0)
    if len(set(group_orientations(cosines))) > 1 or spans.max() > SAME_ORIENTATION:
        found = spread(headers, "ImageOrientationPatient").describe()
        raise UnreadableSeries("series-mixed", attribute="ImageOrientationPatient", found=found)
    if not all(np.allclose(plane.spacing, first.spacing, rtol=0, atol=_SAME_SPACING_MM) for plane in planes):
        found = spread(headers, "PixelSpacing").describe()
        raise UnreadableSeries("series-mixed", attribute="PixelSpacing", found=found)
