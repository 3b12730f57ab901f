"""How and of whom a series was acquired: age, field strength, distortion correction, contrast agent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from pipelines.headers.header import Header

_DAYS_A_YEAR = 365.25
_AGE_UNITS = {"Y": 1.0, "M": 1.0 / 12.0, "W": 7.0 / _DAYS_A_YEAR, "D": 1.0 / _DAYS_A_YEAR}
_STRONGEST_TESLA = 100.0
_MANUFACTURERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "SIEMENS": ("SIEMENS",),
        "GE": ("GE MEDICAL", "GE HEALTHCARE", "GEMS", "GENERAL ELECTRIC"),
        "PHILIPS": ("PHILIPS",),
        "CANON": ("CANON", "TOSHIBA"),
        "FUJIFILM": ("FUJI", "HITACHI"),
        "UNITED IMAGING": ("UIH", "UNITED IMAGING"),
    }
)


def age_years(header: Header) -> float | None:
    """Return the patient's age at the study from PatientAge, else from birth and study date; None when unknown."""
    stated = header.text("PatientAge").upper()
    if len(stated) == 4 and stated[:3].isdecimal() and stated[3] in _AGE_UNITS:
        return int(stated[:3]) * _AGE_UNITS[stated[3]]
    born, scanned = _date(header.text("PatientBirthDate")), _date(header.text("StudyDate"))
    if born is None or scanned is None or scanned < born:
        return None
    return (scanned - born).days / _DAYS_A_YEAR


def field_strength(header: Header) -> float | None:
    """Return the magnetic field in tesla; None when unknown. Values over 100 are taken as gauss, as some write it."""
    found = header.number("MagneticFieldStrength")
    if found is None or found <= 0:
        return None
    return found / 10000.0 if found > _STRONGEST_TESLA else found


def is_distortion_corrected(header: Header) -> bool:
    """Return whether ImageType says that gradient distortion was corrected (DIS2D or DIS3D).

    Other vendors' headers may not say it at all; what is not said is not taken for done.
    """
    return bool({"DIS2D", "DIS3D"} & set(header.codes("ImageType")))


def manufacturer(header: Header) -> str | None:
    """Return who made the scanner, under one name for all spellings; an unknown one as written, in capitals."""
    written = header.text("Manufacturer").upper()
    known = (name for name, spellings in _MANUFACTURERS.items() if any(one in written for one in spellings))
    return next(known, written or None)


def has_contrast_agent(header: Header) -> bool:
    """Return whether ContrastBolusAgent names an agent."""
    return bool(header.text("ContrastBolusAgent"))


def missing_patient_attributes(header: Header) -> tuple[str, ...]:
    """Return which of the patient's identifying attributes are absent or empty."""
    asked = ("PatientID", "PatientName", "PatientSex", "PatientBirthDate")
    return tuple(keyword for keyword in asked if not header.text(keyword))


def _date(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None
