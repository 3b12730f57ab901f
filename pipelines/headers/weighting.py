"""What an MR series' contrast comes from, by its timing.

Descriptions lie and differ by site; the times are what the contrast comes from (Bernstein, King and Zhou, Handbook of
MRI Pulse Sequences, 2004: chapters 14 and 16). The limits are the textbook's regimes for 1.5 T and 3 T.
"""

from __future__ import annotations

import math
from enum import StrEnum

from pipelines.headers.header import Header

TIMING = ("EchoTime", "RepetitionTime", "InversionTime", "FlipAngle")
"""The attributes that the contrast is worked out from."""

WEIGHTINGS = ("T1", "T2", "T2*", "PD", "FLAIR", "DIFFUSION")
"""Every weighting that `weighting` may give."""

CONTRAST_FROM = (*TIMING, "ScanningSequence", "SequenceVariant")
"""What the contrast of most series is read from."""

SEQUENCE_FROM = ("ScanningSequence", "SequenceVariant", "RepetitionTime", "EchoTrainLength")
"""What the type of a sequence is read from."""

_TISSUE_T1_MS = 1000.0
"""White and grey matter at 1.5 T and 3 T lie between 600 and 1600 ms (Stanisz et al., Magn Reson Med 2005)."""

_ERNST_T1, _ERNST_PD = 1.25, 0.75
"""Flip angles over 1.25 Ernst angles weigh T1, under 0.75 proton density; between them a spoiled echo is mixed."""

_SHORT_REPETITION_MS = 100.0
"""No spin echo comes back so soon."""


class _Kind(StrEnum):
    GRADIENT_ECHO = "GRADIENT_ECHO"
    SPIN_ECHO = "SPIN_ECHO"
    ECHO_PLANAR = "ECHO_PLANAR"


SEQUENCE_TYPES = tuple(kind.value for kind in _Kind)
"""What `sequence_type` returns."""


def weighting(header: Header) -> str | None:
    """Return T1, T2, T2*, PD, FLAIR or DIFFUSION as the timing says it; None where it fits none."""
    if (header.text("Modality") or "MR") != "MR":
        return None
    kind, echo_ms = _kind(header), header.number("EchoTime")
    if kind is None or echo_ms is None:
        return None
    if kind is _Kind.ECHO_PLANAR:
        return "DIFFUSION" if _is_diffusion(header) else None
    return _of_gradient_echo(header, echo_ms) if kind is _Kind.GRADIENT_ECHO else _of_spin_echo(header, echo_ms)


def sequence_type(header: Header) -> str | None:
    """Return SPIN_ECHO, GRADIENT_ECHO or ECHO_PLANAR; None where the header of an MR series fits none."""
    if (header.text("Modality") or "MR") != "MR":
        return None
    kind = _kind(header)
    return None if kind is None else kind.value


def _kind(header: Header) -> _Kind | None:
    """Return the kind of echo that ScanningSequence names.

    GE writes RM (research mode) there for sequences of its own making, BRAVO and CUBE among them, and some converters
    write nothing: then only a repetition that no spin echo could have, a preparation, or an echo train decides.
    """
    sequence = set(header.codes("ScanningSequence"))
    if "EP" in sequence or header.text("EchoPlanarPulseSequence") == "YES":
        return _Kind.ECHO_PLANAR
    if "SE" in sequence:
        return _Kind.SPIN_ECHO
    if "GR" in sequence:
        return _Kind.GRADIENT_ECHO
    if "IR" in sequence:
        return _Kind.SPIN_ECHO
    repetition_ms = header.number("RepetitionTime")
    if "RM" not in sequence or repetition_ms is None or _is_diffusion(header):
        return None
    if "MP" in header.codes("SequenceVariant") or 0 < repetition_ms <= _SHORT_REPETITION_MS:
        return _Kind.GRADIENT_ECHO
    return _Kind.SPIN_ECHO if (header.number("EchoTrainLength") or 1) > 1 else None


def _is_diffusion(header: Header) -> bool:
    return header.value("DiffusionBValue") is not None or "DIFFUSION" in header.codes("ImageType")


def _of_gradient_echo(header: Header, echo_ms: float) -> str | None:
    variants, repetition_ms = set(header.codes("SequenceVariant")), header.number("RepetitionTime")
    if header.text("AngioFlag") == "Y" or "TOF" in variants:
        return None
    if echo_ms >= 12:
        return "T2*"
    inversion_ms = header.number("InversionTime") or 0.0
    # Vendors differ in which of the three they write for a magnetisation-prepared (MPRAGE, TFE, BRAVO) sequence.
    if 250 <= inversion_ms <= 1500 or "MP" in variants or "IR" in header.codes("ScanningSequence"):
        return "T1"
    flip = header.number("FlipAngle")
    if flip is None or repetition_ms is None or ("SS" in variants and "SP" not in variants):
        return None
    if repetition_ms > 50:
        return "T1" if flip >= 40 else None
    share = flip / math.degrees(math.acos(math.exp(-max(repetition_ms, 1.0) / _TISSUE_T1_MS)))
    return "T1" if share >= _ERNST_T1 else "PD" if share <= _ERNST_PD else None


def _of_spin_echo(header: Header, echo_ms: float) -> str | None:
    repetition_ms, inversion_ms = header.number("RepetitionTime"), header.number("InversionTime") or 0.0
    if repetition_ms is None:
        return None
    if inversion_ms >= 1500 and repetition_ms >= 4000:
        return "FLAIR" if echo_ms >= 60 else "T1"
    # T1 FLAIR: the inversion nulls water within a repetition that would otherwise weigh proton density.
    if 500 <= inversion_ms < 1500 and echo_ms <= 45:
        return "T1"
    if repetition_ms <= 1000:
        return "T1" if echo_ms <= 35 else None
    if repetition_ms < 1800:
        return None
    if echo_ms >= 60:
        return "T2"
    return "PD" if echo_ms <= 45 and inversion_ms == 0 else None
