"""Which attributes each check of the inputs reads, for a person who wants to correct them at the scanner."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipelines.contract import Check
from pipelines.headers.implants import SAYS_METAL
from pipelines.headers.weighting import CONTRAST_FROM

_READ_FROM: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "one-patient": ("PatientID", "StudyInstanceUID", "FrameOfReferenceUID"),
        "modality": ("Modality",),
        "source-origin": ("ImageType", "SyntheticData", "ContributingEquipmentSequence"),
        "series-parts": ("ImageOrientationPatient", "ImageType"),
        "gantry-tilt": ("ImagePositionPatient", "ImageOrientationPatient"),
        "body-part": ("BodyPartExamined", "SeriesDescription", "ProtocolName", "StudyDescription"),
        "patient-position": ("PatientPosition",),
        "patient-attributes": ("PatientID", "PatientName", "PatientSex", "PatientBirthDate"),
        "contrast": CONTRAST_FROM,
        "contrast-agent": ("ContrastBolusAgent",),
        "patient-age": ("PatientAge", "PatientBirthDate", "StudyDate"),
        "distortion-correction": ("ImageType",),
        "field-strength": ("MagneticFieldStrength",),
        "implants": SAYS_METAL,
        "lossy-compression": ("LossyImageCompression",),
        "slice-count": ("ImagePositionPatient",),
        "voxel-size": ("PixelSpacing", "ImagePositionPatient"),
        "field-of-view": ("Rows", "Columns", "PixelSpacing", "ImagePositionPatient"),
    }
)
"""By the check's name; all others look at the pixels."""


def attributes_of(check: Check) -> tuple[str, ...]:
    """Return the keywords of the attributes that `check` read; PixelData where it looked at the image itself."""
    named = check.reason.parameters.get("attribute")
    return (str(named),) if named else _READ_FROM.get(check.name, ("PixelData",))
