"""Key Object Selection Document (PS3.3 A.35.4) that rejects objects which were delivered (IHE IOCM)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.sequence import Sequence as Items
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian

from pipelines.errors import UnfitObject
from pipelines.objects.codes import PROCESSING_EQUIPMENT, REJECTED_FOR_QUALITY, REJECTED_FOR_SAFETY, coded
from pipelines.objects.encoding import file_meta
from pipelines.objects.modules.patient_study import PATIENT, PATIENT_OPTIONAL, STUDY, STUDY_OPTIONAL, copy_attributes
from pipelines.objects.provenance import DISCLAIMER, PRODUCT
from pipelines.objects.times import Moment, local_moment
from pipelines.objects.uids import derive
from pipelines.objects.validation import validate

_UTF_8 = "ISO_IR 192"

_LAST_OF_RUN = 99
"""The two digits of a run in its series numbers (`series_number`) stay below."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why objects are rejected, when, and by which node.

    Attributes
    ----------
    for_safety
        Whether the patient's safety is the reason (113037), else the quality of the objects (113001).
    description
        Why, in the words of the person who rejects.
    at
        When; with its zone.
    station, software_version
        The node's name, at most 16 characters, and the version of synthnode.
    """

    for_safety: bool
    description: str
    at: datetime
    station: str
    software_version: str

    @property
    def title(self) -> Code:
        """The document's title (CID 7010)."""
        return REJECTED_FOR_SAFETY if self.for_safety else REJECTED_FOR_QUALITY


def rejection_note(objects: Sequence[Dataset], rejection: Rejection, digest: str) -> Dataset:
    """Return the note that rejects `objects`: TID 2010 with a reference to each of them.

    Patient and study are those of the objects. The list of evidence (PS3.3 C.17.6.1) names them by study and series,
    as IHE's Image Object Change Management (RAD-66) asks for.

    Parameters
    ----------
    objects
        All objects of one result; pixel data are not needed.
    rejection
        Why and when.
    digest
        What the note's UIDs follow from: the same digest gives the same UIDs.

    Raises
    ------
    UnfitObject
        ``rejection-without-objects``, ``rejection-without-description``, ``rejection-of-several-studies``, or when an
        attribute is missing or a value is over its limit.
    """
    _check_fit(objects, rejection)
    first = objects[0]
    at = local_moment(rejection.at, first)
    content = KeyObjectSelection(rejection.title, objects, description=rejection.description)
    # highdicom reads patient and study of the first, and asks for attributes that may be empty.
    whole_first = Dataset(dict(first.items()))
    whole_first.update(copy_attributes(first, (*PATIENT, *STUDY)))
    made = KeyObjectSelectionDocument(
        evidence=[whole_first, *objects[1:]],
        content=content,
        series_instance_uid=derive(digest, "rejection-series"),
        series_number=_series_number(first),
        sop_instance_uid=derive(digest, "rejection"),
        instance_number=1,
        manufacturer=PRODUCT,
        transfer_syntax_uid=ImplicitVRLittleEndian,
    )
    whole = Dataset(dict(made.items()))
    whole.pop("SpecificCharacterSet", None)
    for part in (
        copy_attributes(first, PATIENT, PATIENT_OPTIONAL),
        copy_attributes(first, STUDY, STUDY_OPTIONAL),
        copy_attributes(first, (), ("TimezoneOffsetFromUTC",)),
        _document_series(rejection, at),
        _contributing_equipment(first, rejection, at),
    ):
        whole.update(part)
    whole.update(_character_set(first, rejection.description))
    whole.ContentDate, whole.ContentTime = at.date, at.time
    whole.InstanceCreationDate, whole.InstanceCreationTime = at.date, at.time
    whole.file_meta = file_meta(whole)
    return validate(whole)


def _check_fit(objects: Sequence[Dataset], rejection: Rejection) -> None:
    if not objects:
        raise UnfitObject("rejection-without-objects")
    if not rejection.description.strip():
        raise UnfitObject("rejection-without-description")
    studies = {str(one.get("StudyInstanceUID", "")) for one in objects}
    if len(studies) > 1:
        raise UnfitObject("rejection-of-several-studies", found=len(studies))


def _document_series(rejection: Rejection, at: Moment) -> Dataset:
    """Key Object Document Series and General Equipment modules (PS3.3 C.17.6.1, C.7.5.1), where they are our own."""
    ds = Dataset()
    ds.SeriesDate, ds.SeriesTime = at.date, at.time
    ds.SeriesDescription = f"SYNTHETIC: {rejection.title.meaning}"
    ds.ManufacturerModelName = PRODUCT
    ds.StationName = rejection.station
    ds.SoftwareVersions = rejection.software_version
    ds.SyntheticData = "YES"
    ds.ContentQualification = "RESEARCH"
    return ds


def _contributing_equipment(first: Dataset, rejection: Rejection, at: Moment) -> Dataset:
    """Return what the rejected objects list, and this node, by which a note that a peer sends back is recognised."""
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = coded(PROCESSING_EQUIPMENT)
    item.Manufacturer = item.ManufacturerModelName = PRODUCT
    item.StationName = rejection.station
    item.SoftwareVersions = f"{PRODUCT} {rejection.software_version}"
    item.ContributionDateTime = at.datetime
    item.ContributionDescription = f"Rejected synthetic objects. {DISCLAIMER}"
    inherited = [copy.deepcopy(one) for one in first.get("ContributingEquipmentSequence") or ()]
    ds = copy_attributes(first, (), ("CodingSchemeIdentificationSequence",))
    ds.ContributingEquipmentSequence = Items([*inherited, item])
    return ds


def _character_set(first: Dataset, description: str) -> Dataset:
    """Return the objects' character set where it can write the description, else UTF-8, which can write all."""
    ds = copy_attributes(first, (), ("SpecificCharacterSet",))
    if description.isascii():
        return ds
    stated = first.get("SpecificCharacterSet")
    # Code extensions (ISO 2022) switch sets within a value: whether they hold a text is not asked of them.
    if isinstance(stated, str) and stated:
        try:
            description.encode(convert_encodings(stated)[0])
            return ds
        except (LookupError, UnicodeEncodeError):
            pass
    ds.SpecificCharacterSet = _UTF_8
    return ds


def _series_number(first: Dataset) -> int:
    return int(first.get("SeriesNumber") or 0) // 100 * 100 + _LAST_OF_RUN
