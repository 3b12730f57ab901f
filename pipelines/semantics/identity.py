"""Whose objects these are, and that each is one of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydicom import Dataset

from pipelines.objects.copied import IDENTITY
from pipelines.semantics.rules import Finding, Rule, Subject, finding, uid_of


def _carried(subject: Subject) -> Iterator[Finding]:
    # The values themselves stay out of reasons: they name a patient.
    expected = {keyword: _comparable(subject.source.header, keyword) for keyword in (*IDENTITY, "SpecificCharacterSet")}
    for dataset in subject.objects:
        for keyword, value in expected.items():
            if _comparable(dataset, keyword) != value:
                yield finding("object-identity-differs", dataset, attribute=keyword)


def _comparable(dataset: Dataset, keyword: str) -> object:
    element = dataset.get_item(keyword)
    if element is None:
        return ""
    value = dataset[keyword].value
    if dataset[keyword].VR == "SQ":
        return [dict(item.items()) for item in value or ()] or ""
    if value is None:
        return ""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return str(value).rstrip()
    if dataset[keyword].VR == "PN":
        return str(value).rstrip()
    return [str(one).rstrip() for one in value] or ""


def _unique(subject: Subject) -> Iterator[Finding]:
    taken = {uid_of(dataset) for dataset in subject.source.datasets}
    counts = Counter(uid_of(dataset) for dataset in subject.objects)
    for dataset in subject.objects:
        uid = uid_of(dataset)
        if not uid or counts[uid] > 1 or uid in taken:
            yield finding("object-uid-doubled", dataset, attribute="SOPInstanceUID")
        if dataset.get("SeriesInstanceUID") == subject.source.header.SeriesInstanceUID:
            yield finding("object-uid-doubled", dataset, attribute="SeriesInstanceUID")


def _one_modality(subject: Subject) -> Iterator[Finding]:
    first: dict[str, Dataset] = {}
    for dataset in subject.objects:
        other = first.setdefault(str(dataset.get("SeriesInstanceUID", "")), dataset)
        if dataset.get("Modality") != other.get("Modality"):
            yield finding(
                "object-series-mixed",
                dataset,
                found=str(dataset.get("Modality", "")),
                accepted=str(other.get("Modality", "")),
            )


def _file_meta(subject: Subject) -> Iterator[Finding]:
    for dataset in subject.objects:
        meta = getattr(dataset, "file_meta", Dataset())
        for named, keyword in (
            ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
            ("MediaStorageSOPClassUID", "SOPClassUID"),
        ):
            if meta.get(named) != dataset.get(keyword):
                yield finding("object-file-meta-differs", dataset, attribute=named)


RULES = (
    Rule("identity-carried", "PS3.3 C.7.1.1, C.7.2.1: patient and study are the source's", _carried),
    Rule("uids-unique", "PS3.3 C.12.1.1: an instance UID names one instance", _unique),
    Rule("series-of-one-modality", "PS3.3 A.1.2.3: a series is of one modality", _one_modality),
    Rule("file-meta-agrees", "PS3.10 7.1: file meta names the instance in the file", _file_meta),
)
