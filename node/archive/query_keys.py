"""The keys that a query may name at each level (PS3.4 C.6), and where the catalogue holds each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydicom import Dataset
from pydicom.multival import MultiValue

_MAX_TEXT = 1024


class QueryLevel(StrEnum):
    """The levels of the information model, as Query/Retrieve Level (0008,0052) names them."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


class KeyType(StrEnum):
    """The type of a key (PS3.4 C.2.2.1): unique, required or optional."""

    UNIQUE = "U"
    REQUIRED = "R"
    OPTIONAL = "O"


@dataclass(frozen=True, slots=True)
class QueryKey:
    """An attribute that a query may name.

    Attributes
    ----------
    keyword
        Its DICOM keyword.
    level, type
        Where it is asked for, and whether it must be answered.
    column
        The column of the level's table (`PatientRow`, `StudyRow`, `SeriesRow`, `InstanceRow`) that holds it; None when
        it is counted or gathered from the rows below.
    """

    keyword: str
    level: QueryLevel
    type: KeyType
    column: str | None


_U, _R, _O = KeyType.UNIQUE, KeyType.REQUIRED, KeyType.OPTIONAL

_BY_LEVEL: Mapping[QueryLevel, tuple[tuple[str, KeyType, str | None], ...]] = {
    QueryLevel.PATIENT: (
        ("PatientID", _U, "patient_id"),
        ("PatientName", _R, "name"),
        ("IssuerOfPatientID", _O, "issuer"),
        ("PatientBirthDate", _O, "birth_date"),
        ("PatientSex", _O, "sex"),
        ("NumberOfPatientRelatedStudies", _O, None),
    ),
    QueryLevel.STUDY: (
        ("StudyInstanceUID", _U, "study_uid"),
        ("StudyDate", _R, "study_date"),
        ("StudyTime", _R, "study_time"),
        ("AccessionNumber", _R, "accession_number"),
        ("StudyID", _R, "study_id"),
        ("StudyDescription", _O, "description"),
        ("ReferringPhysicianName", _O, "referring_physician"),
        ("ModalitiesInStudy", _O, None),
        ("SOPClassesInStudy", _O, None),
        ("NumberOfStudyRelatedSeries", _O, None),
        ("NumberOfStudyRelatedInstances", _O, None),
    ),
    QueryLevel.SERIES: (
        ("SeriesInstanceUID", _U, "series_uid"),
        ("Modality", _R, "modality"),
        ("SeriesNumber", _R, "series_number"),
        ("SeriesDescription", _O, "description"),
        ("SeriesDate", _O, "series_date"),
        ("SeriesTime", _O, "series_time"),
        ("BodyPartExamined", _O, "body_part"),
        ("ProtocolName", _O, "protocol_name"),
        ("FrameOfReferenceUID", _O, "frame_of_reference_uid"),
        ("PerformedProcedureStepStartDate", _O, "performed_start_date"),
        ("PerformedProcedureStepStartTime", _O, "performed_start_time"),
        ("NumberOfSeriesRelatedInstances", _O, None),
    ),
    QueryLevel.IMAGE: (
        ("SOPInstanceUID", _U, "sop_instance_uid"),
        ("InstanceNumber", _R, "instance_number"),
        ("SOPClassUID", _O, "sop_class_uid"),
        ("NumberOfFrames", _O, "number_of_frames"),
        ("ContentDate", _O, "content_date"),
        ("ContentTime", _O, "content_time"),
    ),
}

QUERY_KEYS = tuple(
    QueryKey(keyword, level, type_, column) for level, keys in _BY_LEVEL.items() for keyword, type_, column in keys
)
"""All keys, from the patient down. The query services answer these and no others."""


def read_query_values(dataset: Dataset) -> Mapping[str, str]:
    """Return the values of all keys as they are written, by keyword; without padding, several joined by a backslash.

    What is absent or cannot be decoded is left out: a key never keeps an instance from being filed. NUL, which
    PostgreSQL cannot hold, is padding and left out.
    """
    values = {key.keyword: _text(dataset, key.keyword) for key in QUERY_KEYS if key.column is not None}
    return {keyword: value for keyword, value in values.items() if value}


def complete(row: object, level: QueryLevel, values: Mapping[str, str]) -> None:
    """Enter values into the columns of a level's row that are still empty: the first to state one counts."""
    for key in QUERY_KEYS:
        value = values.get(key.keyword)
        if key.level is level and key.column is not None and value and not getattr(row, key.column):
            setattr(row, key.column, value)


def overwrite(row: object, level: QueryLevel, values: Mapping[str, str]) -> None:
    """Enter values into all columns of a level's row but the unique key's: its instance has other bytes now."""
    for key in QUERY_KEYS:
        if key.level is level and key.column is not None and key.type is not KeyType.UNIQUE:
            setattr(row, key.column, values.get(key.keyword, ""))


def _text(dataset: Dataset, keyword: str) -> str:
    try:
        value = dataset.get(keyword)
        text = "\\".join(map(str, value)) if isinstance(value, MultiValue) else str("" if value is None else value)
    except Exception:  # foreign bytes fail in any way when they are decoded
        return ""
    return text.replace("\x00", "").strip()[:_MAX_TEXT]
