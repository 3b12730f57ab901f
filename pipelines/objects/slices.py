"""Classic single-frame image series: what all slices share is encoded once, each slice gets its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from pipelines.objects.decimals import text
from pipelines.objects.encoding import as_raw, file_meta, with_shared
from pipelines.objects.provenance import nearest_images, source_images
from pipelines.objects.validation import validate
from pipelines.reading.series import SourceSeries


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """What one instance has of its own.

    Attributes
    ----------
    uid
        SOPInstanceUID.
    position
        Centre of the first pixel, mm, LPS.
    middle
        Middle of the slice, mm, LPS: by it the nearest source images are found.
    location
        SliceLocation, mm: only axial images have one.
    pixels
        Stored values, array (rows, columns).
    """

    uid: str
    position: tuple[Decimal, Decimal, Decimal]
    middle: tuple[float, float, float]
    location: Decimal | None
    pixels: npt.NDArray[np.uint16]


def single_frame_series(
    shared: Dataset, slices: Iterable[Slice], sources: Sequence[SourceSeries]
) -> tuple[Dataset, ...]:
    """Return one instance a slice, numbered in the order given.

    The first instance names every source image, the others the nearest one of each source.

    Raises
    ------
    UnfitObject
        When what the slices share lacks an attribute or has a value over its limit.
    """
    template = as_raw(shared)
    images = []
    for number, one in enumerate(slices, start=1):
        image = with_shared(template)
        image.SOPInstanceUID = one.uid
        image.InstanceNumber = number
        image.ImagePositionPatient = [text(value) for value in one.position]
        if one.location is not None:
            image.SliceLocation = text(one.location)
        image.PixelData = one.pixels.astype("<u2").tobytes()
        image["PixelData"].VR = "OW"
        image.update(source_images(sources) if number == 1 else nearest_images(sources, one.middle))
        image.file_meta = file_meta(image)
        images.append(image)
    # What slices share is validated once, on a copy: reading decodes the encoded values that make writing fast.
    validate(with_shared(images[0]))
    return tuple(images)
