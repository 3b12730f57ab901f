"""What headers say of metal in the patient: few do, so their silence says nothing."""

from __future__ import annotations

import re
from typing import Any

from pipelines.headers.header import Header

SAYS_METAL = (
    *("SeriesDescription", "ProtocolName", "StudyDescription", "SequenceName", "PulseSequenceName"),
    *("MedicalAlerts", "AdditionalPatientHistory", "PatientComments", "ImageComments"),
)
"""Attributes in whose free text people and protocols name it."""

_METAL = re.compile(
    # Sequences and reconstructions against metal artefacts, then what people write.
    r"\b(?:WARP|SEMAC|MAVRIC|VAT|O-?MAR|I-?MAR|SEMAR|SMART ?MAR|MARS"
    r"|METAL|METALL|IMPLANTS?|IMPLANTAT|PROSTHESIS|PROSTHESES|PROTHESE|PACEMAKER|COCHLEAR|SHUNT|CLIPS?|COILS?|CROWNS?)\b",
    re.IGNORECASE,
)


def names_metal(header: Header) -> tuple[str, ...]:
    """Return in which attributes a word for metal or an implant stands; their texts are not repeated."""
    return tuple(keyword for keyword in SAYS_METAL if _METAL.search(_words(header.value(keyword))))


def _words(value: Any) -> str:
    texts = value if isinstance(value, list) else [value or ""]
    return " ".join(map(str, texts)).replace("_", " ")
