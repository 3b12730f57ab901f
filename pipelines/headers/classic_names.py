"""What enhanced images call otherwise than classic ones, under the classic name (PS3.3 C.8.13 against C.8.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydicom import Dataset

_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "ImageType": "FrameType",
        "EchoTime": "EffectiveEchoTime",
        "EchoTrainLength": "RFEchoTrainLength",
        "SequenceName": "PulseSequenceName",
        "AcquisitionNumber": "FrameAcquisitionNumber",
        "InversionTime": "InversionTimes",
        "BodyPartExamined": "AnatomicRegionSequence",
    }
)
"""The classic attribute, and the enhanced one that says the same of a frame."""

ENHANCED_NAMES: tuple[str, ...] = (
    *_RENAMED.values(),
    *("EchoPulseSequence", "EchoPlanarPulseSequence", "InversionRecovery", "SteadyStatePulseSequence", "Spoiling"),
)
"""All attributes that classic names are made of."""

_FRAME_SAYS_MORE = frozenset({"ImageType"})
"""Stated of the object too, where several frames' values are MIXED."""

_ECHOES: Mapping[str, tuple[str, ...]] = MappingProxyType({"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")})

_NO_SPOILING_OR_STEADY_STATE = ("", "NONE")


def add_classic_names(header: Dataset) -> None:
    """Add to a frame's header, in place, what it says under enhanced names alone."""
    for classic, enhanced in _RENAMED.items():
        stated = header.get(enhanced)
        if stated in (None, "") or (header.get(classic) not in (None, "") and classic not in _FRAME_SAYS_MORE):
            continue
        value = _single(classic, stated)
        if value is not None:
            setattr(header, classic, value)
    if not header.get("ScanningSequence") and (sequence := _scanning_sequence(header)):
        header.ScanningSequence = sequence
    if not header.get("SequenceVariant") and (variants := _sequence_variant(header)):
        header.SequenceVariant = variants


def _single(classic: str, stated: object) -> object:
    if classic == "InversionTime":
        times = list(stated) if hasattr(stated, "__iter__") else [stated]
        # Several inversions of one image: no classic attribute can say them.
        return str(times[0]) if len(times) == 1 else None
    if classic == "BodyPartExamined":
        return str(stated[0].get("CodeMeaning", "")).upper()[:16] or None  # type: ignore[index]
    return stated


def _scanning_sequence(header: Dataset) -> list[str]:
    echoes = list(_ECHOES.get(str(header.get("EchoPulseSequence", "")).upper(), ()))
    if header.get("EchoPlanarPulseSequence") == "YES":
        echoes.append("EP")
    if header.get("InversionRecovery") == "YES":
        echoes.append("IR")
    return echoes


def _sequence_variant(header: Dataset) -> list[str]:
    asked = (("SteadyStatePulseSequence", "SS"), ("Spoiling", "SP"))
    return [
        variant
        for keyword, variant in asked
        if str(header.get(keyword) or "").upper() not in _NO_SPOILING_OR_STEADY_STATE
    ]
