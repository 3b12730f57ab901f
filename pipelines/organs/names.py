"""Organs at risk: names by AAPM TG-263, codes of SNOMED CT, colours, and volumes that an adult's may have."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.coding import Code


@dataclass(frozen=True, slots=True)
class Organ:
    """One organ that a model may contour.

    Attributes
    ----------
    name
        By AAPM TG-263, at most 16 characters; the card's labels are called so.
    code
        What it is, of SNOMED CT.
    colour
        Display colour, red, green, blue, 0 to 255.
    least_ml, most_ml
        Volumes in ml between which a whole one lies.
    runs_on
        Whether it goes on beyond any planning CT, as the cord does: then it has no least volume.
    """

    name: str
    code: Code
    colour: tuple[int, int, int]
    least_ml: float
    most_ml: float
    runs_on: bool = False


def _code(value: str, meaning: str) -> Code:
    return Code(value, "SCT", meaning)


HEAD_NECK = (
    # Volumes: what clinics contoured in 120 planning CTs (OpenKBP, Babier et al. 2021), a little wider.
    Organ("Brainstem", _code("15926001", "Brainstem"), (0, 160, 160), 8.0, 55.0),
    Organ("SpinalCord", _code("2748008", "Spinal cord"), (255, 255, 0), 3.0, 60.0, runs_on=True),
    Organ("Parotid_L", _code("45289007", "Parotid gland"), (60, 200, 60), 8.0, 90.0),
    Organ("Parotid_R", _code("45289007", "Parotid gland"), (20, 130, 220), 8.0, 90.0),
    Organ("Bone_Mandible", _code("91609006", "Mandible"), (230, 190, 130), 25.0, 110.0),
    Organ("Larynx", _code("4596009", "Larynx"), (230, 100, 40), 1.0, 60.0),
    Organ("Esophagus", _code("32849002", "Esophagus"), (170, 80, 200), 1.0, 50.0, runs_on=True),
)
"""Those of head and neck."""
