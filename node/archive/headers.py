"""What a kept file says of itself: identity and header, read after a look at whether the file is whole."""

from __future__ import annotations

import math
import mmap
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.uid import UID, RTStructureSetStorage

from node.archive.attributes import attributes
from node.archive.integrity import Shape, walk
from node.archive.part10 import MAX_HEAD, FileHead, read_head
from node.archive.query_keys import read_query_values
from node.audit import PatientIdentity
from node.errors import Permanent, Quarantine
from pipelines.contract import Reason
from pipelines.objects.provenance import is_ours, referenced_images

_UID = re.compile(r"[0-9.]{1,64}")
_PIXELS_BY_ANOTHER_NAME = frozenset({"Segmentation Storage", "Enhanced US Volume Storage"})
_MOST_SHOWN = 256
"""Characters of an odd value that are shown: all of any value that somebody typed."""
_SUBSAMPLED = ("_422", "_420")


@dataclass(frozen=True, slots=True)
class Header:
    """What the catalogue needs of an instance.

    Attributes
    ----------
    patient
        As the object states it, without padding.
    ours
        A synthnode made it, judged from the data set alone.
    refers_to
        SOP Instance UIDs of the images that it is drawn on, when it is a structure set.
    query
        Values of the keys that queries may name (`node.archive.query_keys`), by keyword.
    attributes
        What rules and queries may look at; see `node.archive.attributes`.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    study_uid: str
    series_uid: str
    modality: str
    patient: PatientIdentity
    ours: bool
    refers_to: Set[str]
    query: Mapping[str, str]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unusable:
    """A file that cannot be used, and what could still be read of it.

    Attributes
    ----------
    reason
        Why, as `read_header` says.
    study_uid, series_uid
        Where it says that it belongs, so that the study is known to lack it; empty when that cannot be read either.
    """

    reason: Reason
    study_uid: str = ""
    series_uid: str = ""


def look_at(file: Path) -> Header | Unusable:
    """Return a kept file's header, or why it has none that can be used; ``instance-file-missing`` among the reasons.

    Raises
    ------
    OSError
        The file is there, but cannot be read now.
    """
    try:
        return read_header(file)
    except FileNotFoundError:
        return Unusable(Reason("instance-file-missing", {"file": file.name}))
    except Quarantine as why:
        return Unusable(why.reason, *_salvaged(file))


def read_header(file: Path) -> Header:
    """Read a kept file's header, and make sure that the file is whole.

    Raises
    ------
    Quarantine
        ``instance-unreadable``, ``instance-truncated``, ``instance-too-complex``, ``pixel-data-short``,
        ``instance-attribute-missing`` or ``instance-uid-invalid``, with what was found.
    OSError
        The file is not there or cannot be read.
    """
    if not file.stat().st_size:
        raise Quarantine("instance-unreadable", found="an empty file")
    with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        try:
            head = read_head(mapped[:MAX_HEAD])
        except Permanent as error:
            raise Quarantine("instance-unreadable", **error.reason.parameters) from error
        content = memoryview(mapped)
        try:
            shape = walk(content, head.length, head.transfer_syntax_uid)
        finally:
            content.release()
        # From memory: what is raised now is about the bytes, never about the disk. pydicom raises OSError for both.
        dataset = _dataset(mapped[: shape.header_end])
    _check_pixels(dataset, head, shape)
    return _header(dataset, head)


def _dataset(header: bytes) -> Dataset:
    try:
        return dcmread(BytesIO(header), stop_before_pixels=True, force=True)
    except Exception as error:  # whatever a parser of foreign bytes raises, the file is unreadable
        raise Quarantine("instance-unreadable", found=f"a header that ends in {type(error).__name__}") from error


def _check_pixels(dataset: Dataset, head: FileHead, shape: Shape) -> None:
    """Refuse images without pixel data, and native pixel data that is too short (PS3.5 8.1.1).

    Rows, columns, samples, frames and bits say how long it must be; subsampled colour is left alone.
    """
    if not shape.has_pixels and _needs_pixels(dataset, UID(head.sop_class_uid)):
        # A file that is cut between two elements looks like this.
        raise Quarantine("instance-attribute-missing", attribute="PixelData")
    if shape.native_bytes is None:
        return
    try:
        if _text(dataset, "PhotometricInterpretation").endswith(_SUBSAMPLED):
            return
        numbers = [
            int(dataset.get(keyword) or default)
            for keyword, default in (
                ("Rows", 0),
                ("Columns", 0),
                ("SamplesPerPixel", 1),
                ("NumberOfFrames", 1),
                ("BitsAllocated", 0),
            )
        ]
    except Exception as error:  # a value of foreign bytes may fail in any way when it is decoded
        raise Quarantine("instance-unreadable", found="image dimensions that cannot be read") from error
    declared, found = (math.prod(numbers) + 7) // 8, shape.native_bytes
    if found < declared:
        raise Quarantine("pixel-data-short", declared=declared, found=found)


def _needs_pixels(dataset: Dataset, sop_class: UID) -> bool:
    """Tell whether an object of that SOP class must have pixel data.

    Spectra, raw data, reports and presentation states may have Rows and are whole without. Of a class that is not known
    Rows are taken for an image's.
    """
    if sop_class.is_private or sop_class.name == str(sop_class):
        return "Rows" in dataset
    return "Image Storage" in sop_class.name or sop_class.name in _PIXELS_BY_ANOTHER_NAME


def _header(dataset: Dataset, head: FileHead) -> Header:
    try:
        structures = dataset.get("SOPClassUID") == RTStructureSetStorage
        return Header(
            sop_class_uid=_uid(dataset, "SOPClassUID"),
            sop_instance_uid=_uid(dataset, "SOPInstanceUID"),
            transfer_syntax_uid=head.transfer_syntax_uid,
            study_uid=_uid(dataset, "StudyInstanceUID"),
            series_uid=_uid(dataset, "SeriesInstanceUID"),
            modality=_text(dataset, "Modality"),
            patient=PatientIdentity(
                patient_id=_text(dataset, "PatientID"),
                issuer=_text(dataset, "IssuerOfPatientID"),
                name=_text(dataset, "PatientName"),
                birth_date=_text(dataset, "PatientBirthDate"),
            ),
            ours=is_ours(dataset),
            refers_to=referenced_images(dataset) if structures else frozenset(),
            query=read_query_values(dataset),
            attributes=attributes(dataset),
        )
    except Quarantine:
        raise
    except Exception as error:  # values are decoded only now, and by the same parser
        raise Quarantine("instance-unreadable", found=f"{type(error).__name__} in its header") from error


def _salvaged(file: Path) -> tuple[str, str]:
    keywords = ("StudyInstanceUID", "SeriesInstanceUID")
    try:
        dataset = dcmread(file, stop_before_pixels=True, force=True, specific_tags=list(keywords))
        stated = [_text(dataset, keyword) for keyword in keywords]
    except Exception:  # the file is known to be damaged: whatever the parser says, there is no more to be had
        return "", ""
    # Each by itself: a study is known to lack an image of which only the series cannot be told.
    study_uid, series_uid = (uid if _UID.fullmatch(uid) else "" for uid in stated)
    return study_uid, series_uid


def _uid(dataset: Dataset, keyword: str) -> str:
    value = _text(dataset, keyword)
    if not value:
        raise Quarantine("instance-attribute-missing", attribute=keyword)
    if _UID.fullmatch(value) is None:
        raise Quarantine("instance-uid-invalid", attribute=keyword, found=value[:_MOST_SHOWN])
    return value


def _text(dataset: Dataset, keyword: str) -> str:
    # PostgreSQL holds no NUL, which some senders pad with, in the middle of names too.
    return str(dataset.get(keyword) or "").replace("\x00", "").strip()
