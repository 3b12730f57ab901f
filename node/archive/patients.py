"""Patients as objects state them: what the audit names one by, and whether two statements are of one person."""

from __future__ import annotations

from node.archive.tables import PatientRow
from node.audit import PatientIdentity
from node.errors import Quarantine

_NOBODY = frozenset({"ANON", "ANONYMOUS", "N/A", "NA", "NOID", "NONE", "NULL", "UNKNOWN"})


def identity_of(patient: PatientRow) -> PatientIdentity:
    """Return a catalogue's patient as the audit names one."""
    return PatientIdentity(patient.patient_id or "", patient.issuer, patient.name, patient.birth_date)


def check_patient(known: PatientRow, stated: PatientIdentity, study_uid: str) -> None:
    """Check that an instance's patient is the study's: ID, issuer and birth date, where stated twice.

    Names are compared only where the ID names nobody: systems spell one person's name differently, and the ID tells.

    Raises
    ------
    Quarantine
        ``conflicting-patient``.
    """
    nobody = not _names_somebody(known.patient_id or "") and not _names_somebody(stated.patient_id)
    differing = [
        keyword
        for keyword, first, second, differs in (
            ("PatientID", known.patient_id or "", stated.patient_id, True),
            ("IssuerOfPatientID", known.issuer, stated.issuer, bool(known.issuer and stated.issuer)),
            ("PatientBirthDate", known.birth_date, stated.birth_date, bool(known.birth_date and stated.birth_date)),
            ("PatientName", _spelling(known.name), _spelling(stated.name), nobody),
        )
        if differs and first != second
    ]
    if differing:
        # The values themselves are identifiers: they stay in the files.
        raise Quarantine("conflicting-patient", study=study_uid, attributes=", ".join(differing))


def _names_somebody(patient_id: str) -> bool:
    """Tell whether an ID can be a person's: not empty, not zeros, and no word that stands for nobody."""
    return patient_id.upper() not in _NOBODY and any(c.isalnum() and c != "0" for c in patient_id)


def _spelling(name: str) -> str:
    """Return a name as it is compared: the first of its representations, without case, separators and spaces."""
    return "".join(c for c in name.partition("=")[0].casefold() if c.isalnum())
