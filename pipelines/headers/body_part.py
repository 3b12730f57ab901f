"""The part of the body that was imaged, under one name for all that scanners write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipelines.headers.header import Header

_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "HEAD": (
            *("HEAD", "BRAIN", "SKULL", "CRANIUM", "CEREBRUM", "HEADBRAIN", "WHOLEHEAD", "WHOLEBRAIN", "KOPF"),
            *("SCHAEDEL", "SCHÄDEL", "SCHADEL", "GEHIRN", "HIRN", "TETE", "TÊTE", "CRANE", "CRÂNE", "CERVEAU"),
            *("CABEZA", "CRANEO", "CRÁNEO", "CEREBRO", "TESTA", "CRANIO", "CERVELLO", "HOOFD", "HERSENEN"),
        ),
        "HEADNECK": ("HEADNECK", "HEADANDNECK", "KOPFHALS"),
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
        "EXTREMITY": (
            *("EXTREMITY", "KNEE", "HIP", "ANKLE", "FOOT", "SHOULDER", "ELBOW", "WRIST", "HAND", "KNIE"),
            *("LEG", "THIGH", "CALF", "FEMUR", "UPPERLEG", "LOWERLEG", "LOWEREXTREMITY"),
            *("ARM", "FOREARM", "HUMERUS", "UPPERARM", "LOWERARM", "UPPEREXTREMITY"),
            *("OBERSCHENKEL", "UNTERSCHENKEL", "OBERARM", "UNTERARM"),
        ),
    }
)
"""PS3.16 Annex L and what scanners write, in several languages."""

BODY_PARTS = tuple(_NAMES)
"""Every name that `body_part` may give."""

_DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")


@dataclass(frozen=True, slots=True)
class BodyPart:
    """What a header says of the part of the body.

    Attributes
    ----------
    part
        One of the names above; None where the header does not say it.
    written
        Value of BodyPartExamined, as it stands; empty where it is absent.
    from_descriptions
        Whether `part` comes from the words of descriptions, which are free text, and not from BodyPartExamined.
    """

    part: str | None
    written: str
    from_descriptions: bool = False


def read_body_part(header: Header) -> BodyPart:
    """Read BodyPartExamined, and where it is absent or unknown the words of the descriptions, if they agree."""
    written = header.text("BodyPartExamined")
    stated = re.sub(r"[^A-ZÀ-Ü]", "", _capitals(written))
    for part, names in _NAMES.items():
        if stated in names:
            return BodyPart(part, written)
    words = set(re.findall(r"[A-ZÀ-Ü]+", _capitals(" ".join(header.text(keyword) for keyword in _DESCRIPTIONS))))
    parts = [part for part, names in _NAMES.items() if words.intersection(names)]
    return BodyPart(parts[0], written, from_descriptions=True) if len(parts) == 1 else BodyPart(None, written)


def body_part(header: Header) -> str | None:
    """Return the part of the body alone, see `read_body_part`."""
    return read_body_part(header).part


def _capitals(text: str) -> str:
    return unicodedata.normalize("NFC", text).upper()
