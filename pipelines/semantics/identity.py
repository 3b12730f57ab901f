"""Whose objects these are, and that each is one of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydicom import Dataset
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
    MRImageStorage,
    ParametricMapStorage,
    RTStructureSetStorage,
    SegmentationStorage,
    SpatialRegistrationStorage,
)

from pipelines.objects.modules.patient_study import IDENTITY
from pipelines.semantics.rules import Finding, Rule, Subject, finding, uid_of

_OF_ONE_STUDY = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID")

_MODALITIES = {
    str(CTImageStorage): "CT",
    str(MRImageStorage): "MR",
    str(RTStructureSetStorage): "RTSTRUCT",
    str(ParametricMapStorage): "OT",
    str(SegmentationStorage): "SEG",
    str(KeyObjectSelectionDocumentStorage): "KO",
    str(ComprehensiveSRStorage): "SR",
    str(EncapsulatedPDFStorage): "DOC",
    str(SpatialRegistrationStorage): "REG",
}


def _carried(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    # The values themselves stay out of reasons: they name a patient.
    # Images of two scanners may differ in how they say it: without a source they must only be of one patient and study.
    keywords = (*IDENTITY, "SpecificCharacterSet") if subject.sources else _OF_ONE_STUDY
    expected = {keyword: _comparable(subject.header, keyword) for keyword in keywords}
    for dataset in objects:
        for keyword, value in expected.items():
            if _comparable(dataset, keyword) != value:
                yield finding("object-identity-differs", dataset, attribute=keyword)


def _comparable(dataset: Dataset, keyword: str) -> object:
    element = dataset.get_item(keyword)
    if element is None:
        return ""
    value = dataset[keyword].value
    if dataset[keyword].VR == "SQ":
        return list(value or ()) or ""  # data sets compare element by element, read or still as they stand in the file
    if value is None:
        return ""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return str(value).rstrip()
    if dataset[keyword].VR == "PN":
        return str(value).rstrip()
    return [str(one).rstrip() for one in value] or ""


def _unique(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    taken = subject.source_uids
    series_taken = {source.header.get("SeriesInstanceUID") for source in subject.sources}
    counts = Counter(uid_of(dataset) for dataset in subject.objects)
    for dataset in objects:
        uid, series = uid_of(dataset), UID(str(dataset.get("SeriesInstanceUID", "")))
        if not UID(uid).is_valid or counts[uid] > 1 or uid in taken:
            yield finding("object-uid-doubled", dataset, attribute="SOPInstanceUID")
        if not series.is_valid or series in series_taken:
            yield finding("object-uid-doubled", dataset, attribute="SeriesInstanceUID")


def _one_modality(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    first: dict[str, Dataset] = {}
    for dataset in objects:
        found = str(dataset.get("Modality", ""))
        other = first.setdefault(str(dataset.get("SeriesInstanceUID", "")), dataset)
        for accepted in (_MODALITIES.get(str(dataset.get("SOPClassUID", "")), found), str(other.get("Modality", ""))):
            if found != accepted:
                yield finding("object-series-mixed", dataset, found=found, accepted=accepted)


def _file_meta(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for dataset in objects:
        meta = getattr(dataset, "file_meta", Dataset())
        for named, keyword in (
            ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
            ("MediaStorageSOPClassUID", "SOPClassUID"),
        ):
            if meta.get(named) != dataset.get(keyword):
                yield finding("object-file-meta-differs", dataset, attribute=named)


RULES = (
    Rule("identity-carried", "PS3.3 C.7.1.1, C.7.2.1: patient and study are the source's", _carried),
    Rule("uids-unique", "PS3.3 C.12.1.1, PS3.5 9: a UID is valid and names one thing", _unique),
    Rule("series-of-one-modality", "PS3.3 A.1.2.3, C.7.3.1.1.1: a series has one modality, its class's", _one_modality),
    Rule("file-meta-agrees", "PS3.10 7.1: file meta names the instance in the file", _file_meta),
)
