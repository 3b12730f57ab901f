"""What a rule of the semantic check is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.uid import (
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    ParametricMapStorage,
    RTStructureSetStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    SpatialRegistrationStorage,
)

from pipelines.contract import Parameter, Reason
from pipelines.objects.encoding import with_shared
from pipelines.objects.provenance import is_ours
from pipelines.reading.series import SourceSeries

CT = frozenset({str(CTImageStorage)})
MR = frozenset({str(MRImageStorage)})
STRUCTURES = frozenset({str(RTStructureSetStorage)})
MAPS = frozenset({str(ParametricMapStorage)})
SEGMENTATIONS = frozenset({str(SegmentationStorage)})
KEY_OBJECTS = frozenset({str(KeyObjectSelectionDocumentStorage)})
STRUCTURED_REPORTS = frozenset({str(ComprehensiveSRStorage)})
PDFS = frozenset({str(EncapsulatedPDFStorage)})
CAPTURES = frozenset({str(SecondaryCaptureImageStorage)})
REGISTRATIONS = frozenset({str(SpatialRegistrationStorage)})
SINGLE_FRAME = CT | MR
MULTI_FRAME = MAPS | SEGMENTATIONS
DOCUMENTS = STRUCTURED_REPORTS | PDFS
WITHOUT_FRAME = DOCUMENTS | CAPTURES | KEY_OBJECTS
"""SOP classes that stand in no frame of reference."""

KNOWN = SINGLE_FRAME | MULTI_FRAME | STRUCTURES | WITHOUT_FRAME | REGISTRATIONS
"""SOP classes that there are rules for."""


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
    """All objects of one result, with the sources that they were derived from.

    Attributes
    ----------
    objects
        What is about to leave, in order.
    sources
        Every series that it was computed from, the one whose patient, study and frame of reference it has first. Of
        files that somebody else made they may be unknown: none.
    own
        Whether all objects are of this house's making, whatever marks they lack. Otherwise their marks tell.
    """

    objects: tuple[Dataset, ...]
    sources: tuple[SourceSeries, ...]
    own: bool = True

    @staticmethod
    def of(objects: Sequence[Dataset], sources: Sequence[SourceSeries], *, own: bool = True) -> Subject:
        """Return the subject on views of `objects`: looking decodes values, and the objects must stay as they are."""
        return Subject(tuple(_view(dataset) for dataset in objects), tuple(sources), own)

    def is_own(self, dataset: Dataset) -> bool:
        """Return whether `dataset` must be as this house writes it, and not only as the standard has it."""
        return self.own or id(dataset) in self._marked

    def of_classes(self, classes: frozenset[str]) -> tuple[Dataset, ...]:
        """Return the objects of some SOP classes; all where none is named."""
        if not classes:
            return self.objects
        return tuple(ds for ds in self.objects if str(ds.get("SOPClassUID", "")) in classes)

    @property
    def header(self) -> Dataset:
        """What the objects must agree with: a header of the first source; without one the first image, or object."""
        if self.sources:
            return self.sources[0].header
        return (*self.images, *self.objects)[0]

    @cached_property
    def _marked(self) -> frozenset[int]:
        return frozenset(id(dataset) for dataset in self.objects if is_ours(dataset))

    @cached_property
    def source_uids(self) -> frozenset[str]:
        """The SOP Instance UIDs of all source images."""
        return frozenset(uid_of(dataset) for source in self.sources for dataset in source.datasets)

    @cached_property
    def structures(self) -> tuple[Dataset, ...]:
        """The RT Structure Sets."""
        return self.of_classes(STRUCTURES)

    @cached_property
    def images(self) -> tuple[Dataset, ...]:
        """The single-frame images, by series and position in it as given."""
        return self.of_classes(SINGLE_FRAME)

    @cached_property
    def contoured(self) -> tuple[Dataset, ...]:
        """The images that contours may be drawn on: the result's own; where it has none, those of its first source."""
        if self.images or not self.sources:
            return self.images
        return self.sources[0].datasets

    @cached_property
    def series(self) -> frozenset[str]:
        """The SeriesInstanceUIDs of the images that contours may be drawn on."""
        return frozenset(str(image.get("SeriesInstanceUID", "")) for image in self.contoured)

    @cached_property
    def image_by_uid(self) -> dict[str, Dataset]:
        """The images that contours may be drawn on, by SOPInstanceUID."""
        return {uid_of(image): image for image in self.contoured}

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


class Needs(StrEnum):
    """What a rule looks at beside the objects that it is about."""

    OBJECTS = "objects"
    IMAGES = "images"
    SOURCES = "sources"
    PIXELS = "uncompressed pixels"

    def are_met(self, subject: Subject) -> bool:
        """Return whether `subject` has it."""
        if self is Needs.IMAGES:
            return bool(subject.contoured)
        return self is not Needs.SOURCES or bool(subject.sources)

    def are_met_by(self, dataset: Dataset) -> bool:
        """Return whether `dataset`, which the rule is about, has it itself."""
        return self is not Needs.PIXELS or _has_plain_pixels(dataset)


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
        Given the subject and its objects of the rule's classes, yields a finding for each breach.
    classes
        SOP classes that the rule is about; none: every object.
    overridable
        False for identity, frame of reference, geometry and the synthetic marks.
    of_house
        Whether it is about objects of this house's making alone: others may break it and follow the standard.
    needs
        What must be known for it to be looked at.
    """

    name: str
    clause: str
    look: Callable[[Subject, tuple[Dataset, ...]], Iterator[Finding]]
    classes: frozenset[str] = frozenset()
    overridable: bool = False
    of_house: bool = False
    needs: Needs = Needs.OBJECTS


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


def is_note(dataset: Dataset) -> bool:
    """Return whether it is a note that rejects what was delivered before, and no part of a result."""
    return str(dataset.get("SOPClassUID", "")) in KEY_OBJECTS


def by_series(objects: Sequence[Dataset]) -> dict[str, list[Dataset]]:
    """Return the objects by SeriesInstanceUID, in order."""
    found: dict[str, list[Dataset]] = {}
    for dataset in objects:
        found.setdefault(str(dataset.get("SeriesInstanceUID", "")), []).append(dataset)
    return found


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """Return the numbers of an attribute of several values; none where it has fewer or other values."""
    value = dataset.get(keyword)
    if value is None or isinstance(value, str):
        return ()
    return tuple(float(one) for one in value)


def _view(dataset: Dataset) -> Dataset:
    view = with_shared(dataset)
    if hasattr(dataset, "file_meta"):
        view.file_meta = dataset.file_meta
    return view


def _has_plain_pixels(image: Dataset) -> bool:
    """Return whether PixelData holds the plain values in little endian, not compressed and not floating-point."""
    syntax = getattr(image, "file_meta", Dataset()).get("TransferSyntaxUID")
    plain = syntax is None or (not syntax.is_compressed and syntax.is_little_endian)
    return plain and "FloatPixelData" not in image and "DoubleFloatPixelData" not in image


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
