"""Patient and General Study modules: the source's attributes, copied exactly and never invented."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from pydicom import Dataset

from pipelines.reading.series import SourceSeries

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
"""Patient attributes of Type 2 (PS3.3 C.7.1.1): present even where the source has no value."""

STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber")
"""Study attributes of Type 1 and 2 (PS3.3 C.7.2.1)."""

PATIENT_OPTIONAL = (
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "OtherPatientIDsSequence",
    "OtherPatientNames",
    "PatientBirthTime",
    "EthnicGroup",
    "PatientComments",
    "QualityControlSubject",
    "PatientSpeciesDescription",
    "PatientSpeciesCodeSequence",
    "PatientBreedDescription",
    "PatientBreedCodeSequence",
    "BreedRegistrationSequence",
    "ResponsiblePerson",
    "ResponsiblePersonRole",
    "ResponsibleOrganization",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
)
STUDY_OPTIONAL = (
    "StudyDescription",
    "IssuerOfAccessionNumberSequence",
    "ConsultingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "RequestingService",
    "ProcedureCodeSequence",
    "AdmittingDiagnosesDescription",
    "AdmissionID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientState",
    "PatientSexNeutered",
    "PregnancyStatus",
    "MedicalAlerts",
    "Allergies",
    "Occupation",
    "AdditionalPatientHistory",
)
"""Attributes of Type 3 and conditional ones, carried where the source has them. References to other objects are not:
they would dangle at a peer that never had those."""

IDENTITY = (*PATIENT, *STUDY, *PATIENT_OPTIONAL, *STUDY_OPTIONAL)
"""All that says whose images these are. An output that differs from its source in one of them never leaves."""


def patient_module(source: SourceSeries) -> Dataset:
    """Patient module (PS3.3 C.7.1.1), as the source has it."""
    return copy_attributes(source.header, PATIENT, PATIENT_OPTIONAL)


def general_study_module(source: SourceSeries) -> Dataset:
    """General Study module with the patient's age, size and weight (PS3.3 C.7.2.1, C.7.2.2), as the source has them."""
    return copy_attributes(source.header, STUDY, STUDY_OPTIONAL)


def copy_attributes(header: Dataset, present: Iterable[str], optional: Iterable[str] = ()) -> Dataset:
    """Return the attributes `present`, empty where the header lacks them, and those of `optional` that it has."""
    ds = Dataset()
    for keyword in present:
        if keyword in header:
            ds[keyword] = copy.deepcopy(header[keyword])
        else:
            setattr(ds, keyword, "")
    for keyword in optional:
        if keyword in header:
            ds[keyword] = copy.deepcopy(header[keyword])
    return ds
