"""That everything which an object refers to is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pydicom import Dataset

from pipelines.objects.provenance import named_sources, referenced_images
from pipelines.semantics.rules import (
    DOCUMENTS,
    STRUCTURES,
    Finding,
    Needs,
    Rule,
    Subject,
    drawn_on,
    finding,
    is_note,
    uid_of,
)


def _sources(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    """Each object names source images, and each series all of them."""
    known = subject.source_uids
    objects = tuple(dataset for dataset in objects if not is_note(dataset))
    result = {uid_of(dataset) for dataset in subject.objects}
    listed: dict[str, set[str]] = {}
    for dataset in objects:
        named = named_sources(dataset)
        if not named:
            yield finding("object-source-missing", dataset)
        about = result if dataset.get("SOPClassUID") in DOCUMENTS else frozenset()
        for uid in sorted(named - known - about):
            yield finding("object-source-unknown", dataset, found=uid)
        listed.setdefault(str(dataset.get("SeriesInstanceUID", "")), set()).update(named)
    for dataset in objects:
        if known - listed.pop(str(dataset.get("SeriesInstanceUID", "")), known):
            yield finding("object-source-missing", dataset)


def _images(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        for named in sorted(referenced_images(structures)):
            if named not in subject.image_by_uid:
                yield finding("object-reference-dangling", structures, found=named)
        for series in _referenced_series(structures):
            if str(series.get("SeriesInstanceUID", "")) not in subject.series:
                yield finding("object-reference-dangling", structures, found=str(series.get("SeriesInstanceUID", "")))


def _listed(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        listed = {
            str(image.get("ReferencedSOPInstanceUID", ""))
            for series in _referenced_series(structures)
            for image in series.get("ContourImageSequence") or ()
        }
        used = {drawn_on(drawn.item) for drawn in subject.drawn if drawn.structures is structures}
        for uid in sorted((used & subject.image_by_uid.keys()) - listed):
            yield finding("object-image-unlisted", structures, found=uid)


def _regions(subject: Subject, objects: tuple[Dataset, ...]) -> Iterator[Finding]:
    for structures in objects:
        listed = [item.get("ROINumber") for item in structures.get("StructureSetROISequence") or ()]
        names = [str(item.get("ROIName", "")).casefold() for item in structures.get("StructureSetROISequence") or ()]
        of_house = subject.is_own(structures)
        doubled_names = "" in names or len(set(names)) != len(names)  # the standard lets names repeat
        if len(set(listed)) != len(listed) or (of_house and doubled_names):
            yield finding("object-roi-doubled", structures, attribute="ROINumber or ROIName", found=len(listed))
        for keyword in ("ROIContourSequence", "RTROIObservationsSequence"):
            referred = Counter(item.get("ReferencedROINumber") for item in structures.get(keyword) or ())
            # The standard lets a region be drawn nowhere and be observed twice; none may be drawn that is not listed.
            if referred != Counter(listed) if of_house else referred.keys() - set(listed):
                yield finding(
                    "object-roi-unmatched", structures, attribute=keyword, found=referred.total(), accepted=len(listed)
                )


def _referenced_series(structures: Dataset) -> Iterator[Dataset]:
    for frame in structures.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            yield from study.get("RTReferencedSeriesSequence") or ()


RULES = (
    Rule(
        "sources-named",
        "PS3.3 C.7.6.1.1.4, C.12.4, C.17.2.3, C.24.2: the images that an object was derived from",
        _sources,
        of_house=True,
        needs=Needs.SOURCES,
    ),
    Rule(
        "images-resolve",
        "PS3.3 C.8.8.5, C.8.8.6: referenced images go along, or are the source's",
        _images,
        STRUCTURES,
        needs=Needs.IMAGES,
    ),
    Rule(
        "images-listed",
        "PS3.3 C.8.8.5: the set lists the images that its contours are drawn on",
        _listed,
        STRUCTURES,
        needs=Needs.IMAGES,
    ),
    Rule(
        "regions-resolve",
        "PS3.3 C.8.8.5, C.8.8.6, C.8.8.8: one contour and one observation a region",
        _regions,
        STRUCTURES,
    ),
)
