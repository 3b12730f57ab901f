"""The tissues that generator and phantom know: their relaxation times and their CT numbers.

Values are typical of adults at 3 T and 120 kV, rounded, from textbook ranges; they make contrasts plausible and are no
measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Tissue(IntEnum):
    """What one voxel is made of."""

    AIR = 0
    WHITE = 1
    GREY = 2
    DEEP_GREY = 3
    CSF = 4
    EYE = 5
    LENS = 6
    BLOOD = 7
    MUCOSA = 8
    SKIN = 9
    FAT = 10
    MUSCLE = 11
    CORTICAL_BONE = 12
    MARROW = 13
    LESION = 14


@dataclass(frozen=True, slots=True)
class Properties:
    """How a tissue looks.

    Attributes
    ----------
    t1, t2
        Relaxation times in ms at 3 T.
    density
        Proton density, water = 1.
    hu
        Mean CT number in HU.
    hu_spread
        Standard deviation of that mean between people, in HU.
    """

    t1: float
    t2: float
    density: float
    hu: float
    hu_spread: float


PROPERTIES: dict[Tissue, Properties] = {
    Tissue.AIR: Properties(1000.0, 1.0, 0.0, -1000.0, 0.0),
    Tissue.WHITE: Properties(850.0, 70.0, 0.70, 30.0, 2.0),
    Tissue.GREY: Properties(1350.0, 95.0, 0.82, 38.0, 2.0),
    Tissue.DEEP_GREY: Properties(1150.0, 80.0, 0.79, 37.0, 2.0),
    Tissue.CSF: Properties(4000.0, 1500.0, 1.0, 8.0, 3.0),
    Tissue.EYE: Properties(4000.0, 900.0, 0.98, 15.0, 4.0),
    Tissue.LENS: Properties(1300.0, 35.0, 0.60, 80.0, 10.0),
    Tissue.BLOOD: Properties(1700.0, 90.0, 0.85, 50.0, 6.0),
    Tissue.MUCOSA: Properties(1200.0, 110.0, 0.85, 40.0, 8.0),
    Tissue.SKIN: Properties(1000.0, 35.0, 0.65, 45.0, 15.0),
    Tissue.FAT: Properties(370.0, 110.0, 0.95, -95.0, 10.0),
    Tissue.MUSCLE: Properties(1400.0, 35.0, 0.75, 50.0, 6.0),
    Tissue.CORTICAL_BONE: Properties(300.0, 1.0, 0.12, 1150.0, 150.0),
    Tissue.MARROW: Properties(420.0, 75.0, 0.55, 520.0, 140.0),
    Tissue.LESION: Properties(1700.0, 140.0, 0.9, 30.0, 12.0),
}
