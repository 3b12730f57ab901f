"""What a rule of the semantic check is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.uid import RTStructureSetStorage

from pipelines.contract import Parameter, Reason
from pipelines.objects.encoding import with_shared
from pipelines.reading.series import SourceSeries


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One contour of a structure set.

    Attributes
    ----------
    structures
        The structure set.
    region
        ReferencedROINumber as text.
    item
        Its item of ContourSequence.
    points
        Array (n, 3) in mm, LPS; None when the data are not whole triplets of finite numbers.
    """

    structures: Dataset
    region: str
    item: Dataset
    points: npt.NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Subject:
    """All objects of one result, with the source that they were derived from.

    Attributes
    ----------
    objects
        What is about to leave, in order.
    source
        The series that it was computed from.
    """

    objects: tuple[Dataset, ...]
    source: SourceSeries

    @staticmethod
    def of(objects: Sequence[Dataset], source: SourceSeries) -> Subject:
        """Return the subject on views of `objects`: looking decodes values, and the objects must stay as they are."""
        return Subject(tuple(_view(dataset) for dataset in objects), source)

    @cached_property
    def structures(self) -> tuple[Dataset, ...]:
        """The RT Structure Sets."""
        return tuple(ds for ds in self.objects if ds.get("SOPClassUID") == RTStructureSetStorage)

    @cached_property
    def images(self) -> tuple[Dataset, ...]:
        """The images, by series and position in it as given."""
        return tuple(ds for ds in self.objects if "PixelData" in ds or "ImagePositionPatient" in ds)

    @cached_property
    def series(self) -> dict[str, list[Dataset]]:
        """The images by SeriesInstanceUID."""
        found: dict[str, list[Dataset]] = {}
        for image in self.images:
            found.setdefault(str(image.get("SeriesInstanceUID", "")), []).append(image)
        return found

    @cached_property
    def image_by_uid(self) -> dict[str, Dataset]:
        """The images by SOPInstanceUID."""
        return {uid_of(image): image for image in self.images}

    @cached_property
    def drawn(self) -> tuple[Drawn, ...]:
        """Every contour of every structure set."""
        return tuple(
            Drawn(structures, str(region.get("ReferencedROINumber", "")), item, _points(item))
            for structures in self.structures
            for region in structures.get("ROIContourSequence") or ()
            for item in region.get("ContourSequence") or ()
        )


Finding = Reason
"""One breach: a code with what a person needs."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the semantic check.

    Attributes
    ----------
    name
        Name of its check.
    clause
        Where the standard, or this house's requirement, asks for it.
    look
        Yields a finding for each breach.
    overridable
        False for identity, frame of reference, geometry and the synthetic marks.
    """

    name: str
    clause: str
    look: Callable[[Subject], Iterator[Finding]]
    overridable: bool = False


def finding(code: str, dataset: Dataset, **parameters: Parameter) -> Finding:
    """Return a finding at `dataset`, named by its SOP Instance UID."""
    return Finding(code, {"instance": uid_of(dataset), **parameters})


def drawn_on(contour: Dataset) -> str:
    """Return the SOP Instance UID of the one image that a contour names, or an empty text where it names none."""
    images = contour.get("ContourImageSequence") or ()
    return str(images[0].get("ReferencedSOPInstanceUID", "")) if images else ""


def uid_of(dataset: Dataset) -> str:
    """Return the SOP Instance UID, or an empty text where there is none."""
    return str(dataset.get("SOPInstanceUID", ""))


def _view(dataset: Dataset) -> Dataset:
    view = with_shared(dataset)
    if hasattr(dataset, "file_meta"):
        view.file_meta = dataset.file_meta
    return view


def _points(item: Dataset) -> npt.NDArray[np.float64] | None:
    element = item.get_item("ContourData")
    if element is None or element.value is None:
        return None
    # Encoded numbers are read at once; as number objects of pydicom they would take ten times as long.
    encoded = isinstance(element, RawDataElement)
    try:
        values = np.array(element.value.strip(b" \0").split(b"\\") if encoded else element.value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if values.ndim != 1 or len(values) % 3 or not np.isfinite(values).all():
        return None
    return values.reshape(-1, 3)
