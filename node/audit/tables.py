"""The audit's tables. Columns are plain text and integers, so that a tampered value still reads and is still hashed."""

from __future__ import annotations

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from node.database.base import Base


class AuditRow(Base):
    """One recorded act; never updated, never deleted.

    Attributes
    ----------
    sequence
        1, 2, 3, ... without a gap.
    row_schema
        Version of the row's columns and of its canonical form.
    at
        ISO 8601 time in UTC with microseconds. Text and not `Utc`: what was hashed is what is stored.
    details
        Canonical JSON of the event's details.
    subject
        Salted hash of the patient's identifiers, see `AuditIdentity`.
    previous_hash, hash
        SHA-256 in hex: of the row before, and of this row with that hash.
    """

    __tablename__ = "audit_rows"
    __table_args__ = (Index("ix_audit_rows_study_uid", "study_uid"), Index("ix_audit_rows_subject", "subject"))

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row_schema: Mapped[int]
    at: Mapped[str] = mapped_column(Text)
    code: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    actor_kind: Mapped[str] = mapped_column(Text)
    actor_name: Mapped[str] = mapped_column(Text)
    actor_address: Mapped[str] = mapped_column(Text)
    study_uid: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    correlation: Mapped[str | None] = mapped_column(Text)
    details: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)


class AuditIdentity(Base):
    """The identifiers behind one salted hash; deleting the row takes the salt with it, so the hash means nothing more.

    Attributes
    ----------
    subject
        SHA-256 in hex of the salt and the identifiers; what audit rows refer to (no foreign key: it may be erased).
    salt
        32 random bytes in hex, drawn for this subject alone.
    """

    __tablename__ = "audit_identities"
    __table_args__ = (Index("ix_audit_identities_patient_id", "patient_id"),)

    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    salt: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    birth_date: Mapped[str] = mapped_column(Text)


class AuditSeal(Base):
    """The one row that says where the trail ends, changed with each recording; no HMAC fits without the key.

    Attributes
    ----------
    signed
        A `node.audit.seal.Seal` with its HMAC, as JSON.
    """

    __tablename__ = "audit_seal"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signed: Mapped[str] = mapped_column(Text)
