"""Patient identifiers behind a salted hash, so that they can be erased while the chain stays whole."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.audit.chain import canonical
from node.audit.events import AuditCode, PatientIdentity
from node.audit.findings import AuditFinding
from node.audit.tables import AuditIdentity, AuditRow


def subject_of(session: Session, patient: PatientIdentity) -> str:
    """Return the salted hash that stands for `patient`, making salt and row when these identifiers are new."""
    known = session.scalars(
        select(AuditIdentity.subject).where(
            AuditIdentity.patient_id == patient.patient_id,
            AuditIdentity.issuer == patient.issuer,
            AuditIdentity.name == patient.name,
            AuditIdentity.birth_date == patient.birth_date,
        )
    ).first()
    if known is not None:
        return known
    salt = secrets.token_hex(32)
    row = AuditIdentity(
        subject=subject_hash(salt, patient),
        salt=salt,
        patient_id=patient.patient_id,
        issuer=patient.issuer,
        name=patient.name,
        birth_date=patient.birth_date,
    )
    session.add(row)
    # A second event of the same transaction asks again, and must find it.
    session.flush()
    return row.subject


def subject_hash(salt: str, patient: PatientIdentity) -> str:
    """Return the SHA-256 (hex) of the salt and the identifiers.

    The salt is what makes it worthless after erasure: a patient's number alone could be found by trying all.
    """
    material = canonical([salt, patient.patient_id, patient.issuer, patient.name, patient.birth_date])
    return hashlib.sha256(material.encode()).hexdigest()


def subjects_with(session: Session, patient_id: str) -> Sequence[str]:
    """Return the subjects recorded under `patient_id`: one for each spelling of the other identifiers."""
    return session.scalars(select(AuditIdentity.subject).where(AuditIdentity.patient_id == patient_id)).all()


def check_identities(session: Session, since: int) -> list[AuditFinding]:
    """Return the identifiers that are not those that were recorded, and those that are gone without an erasure.

    Looks at the subjects of the rows after number `since`: what went wrong before was closed with its trail.
    """
    found = []
    referred = select(AuditRow.subject, func.min(AuditRow.sequence).label("first")).where(
        AuditRow.subject.is_not(None), AuditRow.sequence > since
    )
    erased = set(session.scalars(select(AuditRow.subject).where(AuditRow.code == AuditCode.IDENTITY_ERASED)))
    for subject, first in session.execute(referred.group_by(AuditRow.subject).order_by("first")):
        row = session.get(AuditIdentity, subject)
        if row is None:
            if subject not in erased:
                found.append(AuditFinding.at("audit-identity-missing", first, first, subject=str(subject)))
        elif subject_hash(row.salt, PatientIdentity(row.patient_id, row.issuer, row.name, row.birth_date)) != subject:
            found.append(AuditFinding.at("audit-identity-altered", first, first, subject=str(subject)))
    return found
