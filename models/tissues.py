"""The tissues that generator and phantoms know: their relaxation times and their CT numbers.

Values are typical of adults at 3 T and 120 kV, rounded, from textbook ranges; they make contrasts plausible and are no
measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

AIR_HU = -1000.0
"""CT number of air, by the definition of the scale: inside a body's cavities, around it, and where a CT saw nothing."""


class Tissue(IntEnum):
    """What one voxel is made of. Numbers are kept in files: add at the end, never renumber."""

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
    OEDEMA = 15
    TOOTH = 16
    METAL = 17
    GLAND = 18
    CARTILAGE = 19
    DISC = 20
    CORD = 21
    LIVER = 22
    SPLEEN = 23
    KIDNEY = 24
    BOWEL = 25
    URINE = 26
    PROSTATE = 27
    PROSTATE_CENTRE = 28
    SPONGIOSA = 29
    LUNG = 30


class Mixture(IntEnum):
    """A label that stands for several tissues, which the generator tells apart anew for each pair.

    Numbers are those of `Tissue` continued, so that both fit into one array.
    """

    SOFT = 32
    """Soft tissue without a label: muscle and fat."""
    SCALP = 33
    """Skin with the fat below it."""
    JAW = 34
    """Bone that carries teeth."""
    SINUS_WALL = 35
    """The outermost air of a sinus where its map draws no bone: a thin wall, or mucosa."""
    BONE = 36
    """Whole bones of trunk and limbs: a cortex around spongiosa."""


CODES = 40
"""Every `Tissue` and `Mixture` is below this."""


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
    Tissue.AIR: Properties(1000.0, 1.0, 0.0, AIR_HU, 0.0),
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
    Tissue.OEDEMA: Properties(1300.0, 120.0, 0.85, 24.0, 4.0),
    Tissue.TOOTH: Properties(300.0, 0.5, 0.05, 1900.0, 250.0),
    Tissue.METAL: Properties(300.0, 0.1, 0.0, 3000.0, 0.0),
    Tissue.GLAND: Properties(900.0, 60.0, 0.85, 20.0, 15.0),
    Tissue.CARTILAGE: Properties(1200.0, 40.0, 0.7, 90.0, 25.0),
    Tissue.DISC: Properties(1300.0, 80.0, 0.75, 85.0, 12.0),
    Tissue.CORD: Properties(950.0, 75.0, 0.72, 35.0, 3.0),
    Tissue.LIVER: Properties(800.0, 34.0, 0.75, 58.0, 7.0),
    Tissue.SPLEEN: Properties(1330.0, 61.0, 0.8, 48.0, 5.0),
    Tissue.KIDNEY: Properties(1500.0, 80.0, 0.82, 32.0, 5.0),
    Tissue.BOWEL: Properties(1100.0, 75.0, 0.8, 28.0, 15.0),
    Tissue.URINE: Properties(3800.0, 1200.0, 1.0, 6.0, 4.0),
    Tissue.PROSTATE: Properties(1600.0, 110.0, 0.85, 38.0, 5.0),
    Tissue.PROSTATE_CENTRE: Properties(1450.0, 80.0, 0.82, 42.0, 5.0),
    Tissue.SPONGIOSA: Properties(520.0, 70.0, 0.65, 190.0, 60.0),
    Tissue.LUNG: Properties(1300.0, 2.0, 0.2, -780.0, 60.0),
}
