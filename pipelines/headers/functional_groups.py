"""Functional groups of enhanced multi-frame images (PS3.3 C.7.6.16): each frame's header as a classic image has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydicom import DataElement, Dataset
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
)

from pipelines.headers.classic_names import add_classic_names
from pipelines.headers.elements import decoded_element

ENHANCED: frozenset[UID] = frozenset(
    {
        EnhancedCTImageStorage,
        EnhancedMRImageStorage,
        LegacyConvertedEnhancedCTImageStorage,
        LegacyConvertedEnhancedMRImageStorage,
    }
)
"""The multi-frame classes whose frames are read; of all others a volume's geometry is not said by functional groups."""

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

_OF_THE_OBJECT = frozenset(
    Tag(keyword)
    for keyword in (
        *(SHARED, PER_FRAME, "DimensionIndexSequence", "DimensionOrganizationSequence"),
        *("PixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
    )
)
"""What belongs to the whole object, and to no single frame of it."""

_KEPT_AS_SEQUENCE = frozenset(
    Tag(keyword)
    for keyword in (
        *("ReferencedImageSequence", "DerivationImageSequence", "ConversionSourceAttributesSequence"),
        *("RealWorldValueMappingSequence", "PixelIntensityRelationshipLUTSequence"),
    )
)
"""Functional groups that are lists by themselves."""

_OF_NO_FRAME = frozenset(
    Tag(keyword)
    for keyword in (
        *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
        *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "Modality", "SyntheticData"),
        *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel"),
    )
)
"""What the object alone says: a group that says otherwise is not believed."""

_UNASSIGNED = frozenset(
    Tag(keyword)
    for keyword in ("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence")
)
"""What a conversion found no group for: it only fills in what nothing else says."""

_NESTED = ("DiffusionGradientDirectionSequence", "MRMetaboliteMapSequence")
"""Sequences within a group whose one item says more of the frame."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameHeaders:
    """The header of an enhanced object, divided into what all frames share and what each adds.

    Attributes
    ----------
    shared
        The object's own attributes and those of its shared groups.
    own
        For each frame the attributes of its own groups; these count where both say something.
    """

    shared: Dataset
    own: tuple[Dataset, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> FrameHeaders:
        """Divide an enhanced multi-frame data set; no pixel data is touched, and none is taken along."""
        # Elements stay as they were read, and are decoded when they are asked for.
        shared = _encoded_as(dataset, {tag: one for tag, one in dataset.items() if tag not in _OF_THE_OBJECT})
        for item in dataset.get(SHARED) or ():
            _flatten(item, shared, Dataset())
        return cls(shared, tuple(_frame(item, shared) for item in dataset.get(PER_FRAME) or ()))

    def headers(self) -> Iterator[Dataset]:
        """Give each frame's header, see `header`."""
        return (self.header(number) for number in range(1, len(self.own) + 1))

    def header(self, number: int) -> Dataset:
        """Return the header of frame `number`, from 1 on, under the names of classic images; see `frame_number`."""
        header = _encoded_as(self.shared, dict(self.shared.items()))
        header.update(self.own[number - 1])
        add_classic_names(header)
        origin = Dataset()
        origin.MultiFrameSourceSOPInstanceUID = header.get("SOPInstanceUID")
        origin.SimpleFrameList = [number]
        header.FrameExtractionSequence = Sequence([origin])
        return header


def is_enhanced(dataset: Dataset) -> bool:
    """Return whether a data set is an enhanced multi-frame image whose frames can be read."""
    return str(dataset.get("SOPClassUID", "")) in ENHANCED


def frame_number(header: Dataset) -> int | None:
    """Return which frame of a multi-frame object `header` is of, from 1 on; None for a classic image.

    It stands where the standard says it of an extracted frame (Frame Extraction, PS3.3 C.12.3).
    """
    items = header.get("FrameExtractionSequence")
    numbers = items[0].get("SimpleFrameList") if items else None
    if numbers is None:
        return None
    return int(numbers[0]) if hasattr(numbers, "__getitem__") else int(numbers)


def _encoded_as(read: Dataset, elements: dict[BaseTag, DataElement | RawDataElement]) -> Dataset:
    dataset = Dataset(elements)
    implicit, little = read.original_encoding
    dataset.set_original_encoding(implicit, little, read.original_character_set)
    return dataset


def _frame(item: Dataset, shared: Dataset) -> Dataset:
    own = Dataset()
    _flatten(item, own, shared)
    return own


def _flatten(groups: Dataset, into: Dataset, said: Dataset) -> None:
    """Put the attributes of groups into `into`; `said` is what was said of the frame elsewhere."""
    for tag in sorted(groups.keys(), key=lambda tag: (tag in _UNASSIGNED, tag)):
        element = decoded_element(groups, tag)
        if element is None:
            continue
        if element.VR != "SQ" or tag.is_private or tag in _KEPT_AS_SEQUENCE or len(element.value) != 1:
            # A vendor's own sequence stays what it is: what it calls a position is no position of the frame.
            if tag not in _OF_NO_FRAME:
                into[tag] = element
            continue
        known = {*into.keys(), *said.keys()} if tag in _UNASSIGNED else frozenset[BaseTag]()
        _pull_up(element.value[0], into, _OF_NO_FRAME | known)


def _pull_up(content: Dataset, into: Dataset, but: frozenset[BaseTag]) -> None:
    nested = [items[0] for keyword in _NESTED if (items := content.get(keyword)) and len(items) == 1]
    for part in (content, *nested):
        for tag in sorted(part.keys()):
            if tag not in but:
                into[tag] = part.get_item(tag)
