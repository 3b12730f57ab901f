"""Ready facts that sites really match on, worked out from a header; None when the header does not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

View = Mapping[str, Any]
"""Typed attributes by keyword, as `node.rules.facts.typed` gives them."""

_BODY_PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "HEAD": (
            *("HEAD", "BRAIN", "SKULL", "CRANIUM", "CEREBRUM", "HEADBRAIN", "KOPF", "SCHAEDEL", "SCHÄDEL", "GEHIRN"),
            *("HIRN", "TETE", "TÊTE", "CRANE", "CRÂNE", "CERVEAU", "CABEZA", "CRANEO", "CRÁNEO", "CEREBRO", "TESTA"),
            *("CRANIO", "CERVELLO", "HOOFD", "HERSENEN"),
        ),
        "HEADNECK": ("HEADNECK",),
        "NECK": ("NECK", "HALS", "CUELLO", "COLLO", "COU"),
        "CSPINE": ("CSPINE", "HWS"),
        "TSPINE": ("TSPINE", "BWS"),
        "LSPINE": ("LSPINE", "LSSPINE", "LWS"),
        "SPINE": ("SPINE", "WSPINE", "WIRBELSAEULE", "WIRBELSÄULE"),
        "CHEST": ("CHEST", "THORAX", "LUNG", "LUNGS"),
        "BREAST": ("BREAST", "MAMMA"),
        "HEART": ("HEART", "CARDIAC", "HERZ"),
        "ABDOMEN": ("ABDOMEN", "LIVER", "LEBER", "KIDNEY", "PANCREAS"),
        "PELVIS": ("PELVIS", "PROSTATE", "PROSTAAT", "PROSTATA", "BECKEN", "BLADDER", "UTERUS"),
        "EXTREMITY": (*("EXTREMITY", "KNEE", "HIP", "ANKLE", "FOOT", "SHOULDER", "ELBOW", "WRIST", "HAND", "KNIE"),),
    }
)
_SCOUT = re.compile(r"\b(locali[sz]er|scout|survey|loc|topogram|3[- ]?plane)\b", re.IGNORECASE)

_AXIAL_WITHIN_DEGREES = 30.0


def body_part(view: View) -> str | None:
    """Return the part of the body under one name for all that scanners write.

    Body Part Examined counts first; where it is absent or unknown, the words of series, protocol and study
    description do, if they agree on one part.
    """
    stated = re.sub(r"[^A-ZÀ-Ü]", "", str(view.get("BodyPartExamined", "")).upper())
    for part, names in _BODY_PARTS.items():
        if stated in names:
            return part
    descriptions = " ".join(str(view.get(k, "")) for k in ("SeriesDescription", "ProtocolName", "StudyDescription"))
    words = set(re.findall(r"[A-ZÀ-Ü]+", descriptions.upper()))
    parts = [part for part, names in _BODY_PARTS.items() if words.intersection(names)]
    return parts[0] if len(parts) == 1 else None


def is_derived(view: View) -> bool | None:
    """Say whether the images were made from other images (Image Type value 1, PS3.3 C.7.6.1.1.2; Synthetic Data)."""
    if view.get("SyntheticData") == "YES":
        return True
    kinds = view.get("ImageType")
    return None if kinds is None else kinds[0].upper() != "ORIGINAL"


def is_localizer(view: View) -> bool | None:
    """Say whether the series is a localizer, by Image Type or else by the words that scanners use for it."""
    kinds = view.get("ImageType")
    if kinds is not None and "LOCALIZER" in (kind.upper() for kind in kinds):
        return True
    descriptions = [view[keyword] for keyword in ("SeriesDescription", "ProtocolName") if keyword in view]
    if any(_SCOUT.search(text.replace("_", " ")) for text in descriptions):
        return True
    return None if kinds is None and not descriptions else False


def is_axial(view: View) -> bool | None:
    """Say whether the slices' normal is within 30 degrees of the patient's length (Image Orientation, C.7.6.2.1.1)."""
    cosines = view.get("ImageOrientationPatient")
    if cosines is None or len(cosines) != 6 or max(map(abs, cosines)) > 1.5:
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    length = float(np.linalg.norm(normal))
    if length < 0.5:
        return None
    return bool(abs(normal[2]) / length >= np.cos(np.deg2rad(_AXIAL_WITHIN_DEGREES)))


def weighting(view: View) -> str | None:
    """Return T1, T2, T2*, PD, FLAIR or DIFFUSION as echo, repetition and inversion times say it.

    Descriptions lie and differ by site; the times are what the contrast comes from (Bernstein, King and Zhou,
    Handbook of MRI Pulse Sequences, 2004: chapters 14 and 16). None where they are missing or fit no contrast.
    """
    if view.get("Modality", "MR") != "MR":
        return None
    sequence, echo_ms = set(view.get("ScanningSequence", ())), view.get("EchoTime")
    if not sequence or echo_ms is None:
        return None
    if "EP" in sequence:
        return "DIFFUSION" if "DiffusionBValue" in view or "DIFFUSION" in view.get("ImageType", ()) else None
    if "GR" in sequence and "SE" not in sequence:
        return _of_gradient_echo(view, sequence, echo_ms)
    return _of_spin_echo(view, sequence, echo_ms)


def _of_gradient_echo(view: View, sequence: set[str], echo_ms: float) -> str | None:
    variants, repetition_ms = set(view.get("SequenceVariant", ())), view.get("RepetitionTime")
    if view.get("AngioFlag") == "Y" or "TOF" in variants:
        return None
    if echo_ms >= 12:
        return "T2*"
    inversion_ms = view.get("InversionTime", 0.0)
    # Vendors differ in which of the three they write for a magnetisation-prepared (MPRAGE, TFE, BRAVO) sequence.
    if 250 <= inversion_ms <= 1500 or "MP" in variants or "IR" in sequence:
        return "T1"
    flip = view.get("FlipAngle")
    if flip is None or repetition_ms is None or ("SS" in variants and "SP" not in variants):
        return None
    if repetition_ms <= 50:
        return "T1" if flip >= 12 else "PD" if flip <= 6 else None
    return "T1" if flip >= 40 else None


def _of_spin_echo(view: View, sequence: set[str], echo_ms: float) -> str | None:
    repetition_ms, inversion_ms = view.get("RepetitionTime"), view.get("InversionTime", 0.0)
    if repetition_ms is None or not sequence & {"SE", "IR"}:
        return None
    if inversion_ms >= 1500 and repetition_ms >= 4000:
        return "FLAIR" if echo_ms >= 60 else "T1"
    if repetition_ms <= 1000:
        return "T1" if echo_ms <= 35 else None
    if repetition_ms < 1800:
        return None
    return "PD" if echo_ms <= 45 else "T2" if echo_ms >= 60 else None


READY: Mapping[str, Callable[[View], str | bool | None]] = MappingProxyType(
    {
        "body_part": body_part,
        "is_axial": is_axial,
        "is_derived": is_derived,
        "is_localizer": is_localizer,
        "weighting": weighting,
    }
)
"""Ready facts by the names that conditions use."""
