"""What a scanner's attributes say of how an MR series was acquired."""

from __future__ import annotations

from datetime import date

from pydicom import Dataset

from pipelines.reading.attributes import image_type

_DAYS_A_YEAR = 365.25
_AGE_UNITS = {"Y": 1.0, "M": 1.0 / 12.0, "W": 7.0 / _DAYS_A_YEAR, "D": 1.0 / _DAYS_A_YEAR}


def age_years(dataset: Dataset) -> float | None:
    """Return the patient's age at the study from PatientAge, else from birth and study date; None when unknown."""
    stated = str(dataset.get("PatientAge") or "").strip().upper()
    if len(stated) == 4 and stated[:3].isdigit() and stated[3] in _AGE_UNITS:
        return int(stated[:3]) * _AGE_UNITS[stated[3]]
    born, scanned = _date(dataset.get("PatientBirthDate")), _date(dataset.get("StudyDate"))
    if born is None or scanned is None or scanned < born:
        return None
    return (scanned - born).days / _DAYS_A_YEAR


def contrast(dataset: Dataset) -> str | None:
    """Return T1, T2, PD or FLAIR as the timing implies it, or None when the timing decides nothing.

    Notes
    -----
    The limits are the textbook's regimes for 1.5 T and 3 T, not any vendor's names: an inversion of 1.5 s and more with
    a long echo nulls water (FLAIR); a gradient echo, spoiled or prepared, with a short echo weighs T1; a spin echo does
    so with a short repetition. Sequence names are free text, so they say nothing here.
    """
    echo, repetition = _number(dataset, "EchoTime"), _number(dataset, "RepetitionTime")
    if echo is None or repetition is None:
        return None
    inversion = _number(dataset, "InversionTime") or 0.0
    scanning = _strings(dataset, "ScanningSequence")
    if inversion >= 1500.0 and echo >= 60.0:
        return "FLAIR"
    if echo >= 60.0:
        return "T2" if repetition >= 1500.0 else None
    if echo > 30.0:
        return None
    if "GR" in scanning and "EP" not in scanning:
        prepared = inversion > 0.0 or "MP" in _strings(dataset, "SequenceVariant")
        return "T1" if prepared or _weighs_t1(repetition, _number(dataset, "FlipAngle")) else None
    if repetition <= 1000.0:
        return "T1"
    return "PD" if repetition >= 1500.0 and inversion == 0.0 else None


def field_strength(dataset: Dataset) -> float | None:
    """Return the magnetic field in tesla; None when unknown. Values over 100 are taken as gauss, as some write it."""
    found = _number(dataset, "MagneticFieldStrength")
    if found is None or found <= 0:
        return None
    return found / 10000.0 if found > 100.0 else found


def distortion_corrected(dataset: Dataset) -> bool:
    """Return whether ImageType says that gradient distortion was corrected (DIS2D or DIS3D).

    Other vendors' headers may not say it at all; what is not said is not taken for done.
    """
    return bool({"DIS2D", "DIS3D"} & set(image_type(dataset)))


def missing_patient_attributes(dataset: Dataset) -> tuple[str, ...]:
    """Return which of the patient's identifying attributes are absent or empty."""
    asked = ("PatientID", "PatientName", "PatientSex", "PatientBirthDate")
    return tuple(keyword for keyword in asked if not str(dataset.get(keyword) or "").strip())


def _weighs_t1(repetition: float, flip: float | None) -> bool:
    # Spoiled gradient echo: the contrast turns to T1 above the Ernst angle of tissue, near 5 degrees at TR 8 ms.
    return flip is not None and repetition <= 1000.0 and flip >= (5.0 if repetition < 50.0 else 40.0)


def _strings(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    value = dataset.get(keyword) or ()
    return (value,) if isinstance(value, str) else tuple(str(part) for part in value)


def _number(dataset: Dataset, keyword: str) -> float | None:
    try:
        return float(dataset.get(keyword))
    except (TypeError, ValueError):
        return None


def _date(value: object) -> date | None:
    text = str(value or "").strip()
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None
