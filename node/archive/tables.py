"""The catalogue's tables: patients, studies, series, instances, what is set apart, and the journals' positions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from node.database.base import Base


class PatientRow(Base):
    """A patient as objects state them.

    Beside it only a study's accession number, ID and description can identify somebody.

    Attributes
    ----------
    patient_id
        Patient ID (0010,0020); NULL where an object has none, and then the row belongs to one study alone.
    issuer, name, birth_date
        Issuer of Patient ID, Patient's Name and Patient's Birth Date as written, empty when the object has none.
    """

    __tablename__ = "patients"
    __table_args__ = (UniqueConstraint("patient_id", "issuer", "name", "birth_date"), Index("ix_patients_name", "name"))

    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[str | None]
    issuer: Mapped[str] = mapped_column(default="")
    name: Mapped[str] = mapped_column(default="")
    birth_date: Mapped[str] = mapped_column(default="")
    sex: Mapped[str] = mapped_column(default="")


class StudyRow(Base):
    """A study and where it stands.

    Attributes
    ----------
    state
        One of `node.states.StudyState`.
    reason_code, reason_parameters
        Why it ended where it stands, if it ended without being routed.
    revision
        1 for the first set of instances; one more each time an instance came, or what was set apart was settled by a
        person, after the study had settled.
        0 while it has only objects of our own.
    last_instance_at
        When its last instance from outside came, or a person settled what was set apart of it; NULL while it has only
        objects of our own.
    completed_at
        When a person said that nothing more of it would come; an instance that comes later makes it void.
    correlation_id
        The same in logs, jobs and audit; 32 hexadecimal digits.
    calling_ae, called_ae
        AE titles of the association that brought the first instance; empty after a rebuild without journal.

    The other columns are `node.archive.query_keys`, as here in the tables of patients, series and instances.
    """

    __tablename__ = "studies"
    __table_args__ = (
        Index("ix_studies_settling", "state", "last_instance_at"),
        Index("ix_studies_study_date", "study_date"),
        Index("ix_studies_accession_number", "accession_number"),
    )

    study_uid: Mapped[str] = mapped_column(primary_key=True)
    patient_key: Mapped[int] = mapped_column(ForeignKey("patients.id"), index=True)
    state: Mapped[str]
    reason_code: Mapped[str | None]
    reason_parameters: Mapped[dict[str, Any] | None]
    revision: Mapped[int]
    first_received_at: Mapped[datetime]
    last_instance_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    correlation_id: Mapped[str]
    calling_ae: Mapped[str]
    called_ae: Mapped[str]
    study_date: Mapped[str] = mapped_column(default="")
    study_time: Mapped[str] = mapped_column(default="")
    accession_number: Mapped[str] = mapped_column(default="")
    study_id: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    referring_physician: Mapped[str] = mapped_column(default="")

    patient: Mapped[PatientRow] = relationship(lazy="joined", innerjoin=True)


class SeriesRow(Base):
    """A series.

    Attributes
    ----------
    attributes
        Header of the instance that was filed first, to which `InstanceRow.differing` refers, as {DICOM keyword: value |
        [values] | [{...}] for sequences}, without bulk data and patient
        identifiers; of private elements those alone that rules read.
    origin
        `received`, `own` or `derived-from-own`, as its first instance.
    """

    __tablename__ = "series"

    series_uid: Mapped[str] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(ForeignKey("studies.study_uid"), index=True)
    modality: Mapped[str]
    attributes: Mapped[dict[str, Any]]
    origin: Mapped[str]
    series_number: Mapped[str] = mapped_column(default="")
    description: Mapped[str] = mapped_column(default="")
    series_date: Mapped[str] = mapped_column(default="")
    series_time: Mapped[str] = mapped_column(default="")
    body_part: Mapped[str] = mapped_column(default="")
    protocol_name: Mapped[str] = mapped_column(default="")
    frame_of_reference_uid: Mapped[str] = mapped_column(default="")
    performed_start_date: Mapped[str] = mapped_column(default="")
    performed_start_time: Mapped[str] = mapped_column(default="")


class InstanceRow(Base):
    """One kept instance; its bytes never change.

    Attributes
    ----------
    sha256
        Content hash as `node.archive.files` defines it.
    location
        Name in the archive, for `ArchiveFiles.path`.
    differing
        What its header says otherwise than its series' `attributes`; None for what it does not say.
    origin
        `received`; `own` when a synthnode made it; `derived-from-own` for a structure set drawn on an own image.
    """

    __tablename__ = "instances"
    __table_args__ = (Index("ix_instances_sha256", "sha256"),)

    sop_instance_uid: Mapped[str] = mapped_column(primary_key=True)
    series_uid: Mapped[str] = mapped_column(ForeignKey("series.series_uid"), index=True)
    sop_class_uid: Mapped[str]
    transfer_syntax_uid: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    location: Mapped[str]
    received_at: Mapped[datetime]
    differing: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    origin: Mapped[str]
    instance_number: Mapped[str] = mapped_column(default="")
    number_of_frames: Mapped[str] = mapped_column(default="")
    content_date: Mapped[str] = mapped_column(default="")
    content_time: Mapped[str] = mapped_column(default="")


class QuarantineRow(Base):
    """Kept bytes that are not in the catalogue, and why; shown to people, never served, never overwritten.

    Attributes
    ----------
    sop_instance_uid, study_uid, series_uid
        As the file or, where it cannot be read, the association states them; not to be trusted, and study and series
        may be empty.
    association_id
        The association that brought it; empty after a rebuild without journal.
    origin
        As of an instance. Only what is ``received`` would be an input of its study, and keeps that from being computed.
    settled_at, settled_by
        When and how it was settled: sent again whole, taken, discarded or replaced; NULL while it keeps its study from
        being computed.
    """

    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("sha256", "sop_instance_uid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(index=True)
    study_uid: Mapped[str] = mapped_column(index=True)
    series_uid: Mapped[str]
    sop_class_uid: Mapped[str]
    transfer_syntax_uid: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    location: Mapped[str]
    received_at: Mapped[datetime]
    association_id: Mapped[str] = mapped_column(index=True)
    calling_ae: Mapped[str]
    origin: Mapped[str]
    reason_code: Mapped[str]
    reason_parameters: Mapped[dict[str, Any]]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


class ReceiptRow(Base):
    """What one open association has brought for one study so far; becomes one audit row when the association ends."""

    __tablename__ = "receipts"

    association_id: Mapped[str] = mapped_column(primary_key=True)
    study_uid: Mapped[str] = mapped_column(primary_key=True)
    receiver: Mapped[str] = mapped_column(index=True)
    calling_ae: Mapped[str]
    called_ae: Mapped[str]
    peer_host: Mapped[str]
    filed: Mapped[int] = mapped_column(default=0)
    own: Mapped[int] = mapped_column(default=0)
    duplicates: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)
    size: Mapped[int] = mapped_column(BigInteger, default=0)


class JournalPositionRow(Base):
    """How far one receiver's journal has been taken into the catalogue."""

    __tablename__ = "journal_positions"

    receiver: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    offset: Mapped[int] = mapped_column(BigInteger)
