"""A series of classic images or of enhanced multi-frame objects, read as one volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydicom import Dataset

from models.volumes import Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.geometry.tilt import Leaning, straighten
from pipelines.headers import Header
from pipelines.headers.orientation import SAME_ORIENTATION, group_orientations
from pipelines.headers.parts import SeriesParts, divide
from pipelines.headers.series import spread
from pipelines.headers.volumes import VolumeChoice, name_volumes
from pipelines.reading.acquisitions import check_one_acquisition
from pipelines.reading.attributes import image_type, required, whole
from pipelines.reading.frames import frames_of
from pipelines.reading.pixels import values
from pipelines.reading.planes import Plane, stacked
from pipelines.reading.scale import Scaling, by_rescale
from pipelines.reading.series import SourceSeries

_SAME_SPACING_MM = 1e-4


def read_series(
    instances: Sequence[SourceInstance], choice: VolumeChoice | None = None, scaling: Scaling = by_rescale
) -> SourceSeries:
    """Read the instances of one series as a volume in its own frame of reference.

    Localizers and a few images of another orientation are set aside (`pipelines.headers.parts`). Order and place come
    from ImagePositionPatient and ImageOrientationPatient alone; instance numbers and file names say nothing. The
    volume's k axis is row x column, so its direction matrix is right-handed. Slices of a tilted gantry are resampled
    upright where they are evenly spaced.

    Parameters
    ----------
    instances
        Classic images, or enhanced multi-frame objects of CT or MR, with pixel data, in any order.
    choice
        Which of several volumes is meant; None takes a series of one volume only.
    scaling
        How stored values become values: by rescale slope and intercept, or see `pipelines.reading.scale`.

    Returns
    -------
    The series, slices sorted by growing position along the normal.

    Raises
    ------
    UnreadableSeries
        With a code that says what is wrong and where: nothing given, multi-frame, a localizer, mixed attributes,
        several volumes in one series, missing or doubled slices, uneven spacing, or unusable pixel data.
    """
    frames = [frame for instance in instances for frame in frames_of(instance.dataset)]
    if not frames:
        raise UnreadableSeries("series-empty")
    # In an order of their own, so that nothing hangs on which came first.
    frames.sort(key=lambda one: (str(one.header.get("SOPInstanceUID", "")), one.index))
    headers = [Header.from_dataset(frame.header) for frame in frames]
    parts = divide(headers)
    if choice is not None:
        parts = _choose(parts, headers, choice)
    frames = [frames[index] for index in parts.volume]
    datasets = [frame.header for frame in frames]
    _check_no_localizer(datasets)
    check_one_acquisition(datasets)
    planes = [Plane.of(dataset) for dataset in datasets]
    _check_parallel(planes, datasets)
    order = sorted(range(len(planes)), key=lambda index: float(planes[index].position @ planes[0].normal))
    rows, columns = whole(datasets[0], "Rows"), whole(datasets[0], "Columns")
    stack = stacked([planes[index] for index in order], rows, columns)
    ordered = [frames[index] for index in order]
    found, stated = values(ordered, scaling), tuple(frame.header for frame in ordered)
    if not stack.tilt_degrees:
        return SourceSeries(stated, Volume(found, stack.grid), parts)
    upright = straighten(found, stack.grid, stack.lean, scaling(stated[0]).unmeasured)
    return SourceSeries(stated, upright, parts, stack.tilt_degrees, Leaning(stack.grid, stack.lean))


def _choose(parts: SeriesParts, headers: Sequence[Header], choice: VolumeChoice) -> SeriesParts:
    """Keep of a series' images those of the volume that is meant."""
    volumes = name_volumes([headers[index] for index in parts.volume])
    meant = choice.pick(volumes)
    if len(meant) != 1:
        raise UnreadableSeries(
            "volume-ambiguous" if meant else "volume-not-found",
            found="; ".join(name.describe() for name in meant or volumes),
            expected=choice.describe(),
        )
    chosen = frozenset(parts.volume[place] for place in volumes[meant[0]])
    return replace(
        parts,
        volume=tuple(index for index in parts.volume if index in chosen),
        other_volumes=tuple(index for index in parts.volume if index not in chosen),
    )


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
