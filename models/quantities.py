"""What the numbers of an image mean: the quantity, its one unit, and the value where nothing was acquired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from models.tissues import AIR_HU


class Quantity(StrEnum):
    """A quantity that an image may hold; what follows from it is in `facts`.

    Attributes
    ----------
    CT_NUMBER
        Attenuation in HU.
    MR_SIGNAL
        Magnitude of an MR image, in arbitrary units.
    ACTIVITY
        Activity concentration of PET.
    CBF, CBV, MTT, TMAX
        Perfusion: cerebral blood flow and volume, mean transit time, time to the residue function's maximum.
    ADC
        Apparent diffusion coefficient.
    LABEL
        Numbers that stand for structures; 0 is background.
    """

    CT_NUMBER = "ct-number"
    MR_SIGNAL = "mr-signal"
    ACTIVITY = "activity"
    CBF = "cbf"
    CBV = "cbv"
    MTT = "mtt"
    TMAX = "tmax"
    ADC = "adc"
    LABEL = "label"

    @property
    def facts(self) -> QuantityFacts:
        """What follows from it."""
        return _FACTS[self]

    @property
    def unit(self) -> str:
        """Its unit, as cards write it."""
        return self.facts.unit

    @property
    def error_unit(self) -> str:
        """What a difference of two images of it is stated in: its unit, where that means the same in both."""
        return self.facts.relative_unit or self.facts.unit


@dataclass(frozen=True, slots=True)
class QuantityFacts:
    """What is the same of every image of a quantity.

    Attributes
    ----------
    unit
        The unit in which cards, files and networks' answers have it.
    modalities
        DICOM modalities of images that have it.
    background
        Value of what was not acquired: air of CT, nothing of what is measured from 0.
    body_above
        Value over which a voxel is body; None where no fixed value tells.
    typical
        Lowest and highest value that an image of it is likely to show in a body.
    whole
        Whether values are whole numbers to the reader, so that 16 bits keep them.
    relative_unit
        Of an arbitrary unit, the scale on which two images are compared; empty where the unit itself is one.
    """

    unit: str
    modalities: tuple[str, ...]
    background: float
    body_above: float | None
    typical: tuple[float, float]
    whole: bool = False
    relative_unit: str = ""


_FACTS: Mapping[Quantity, QuantityFacts] = {
    Quantity.CT_NUMBER: QuantityFacts("HU", ("CT",), AIR_HU, -500.0, (-560.0, 640.0), whole=True),
    # The scale of `models.metrics.signal.normalised_signal`.
    Quantity.MR_SIGNAL: QuantityFacts(
        "arbitrary", ("MR",), 0.0, None, (100.0, 900.0), relative_unit="per mille of the foreground's 90th percentile"
    ),
    Quantity.ACTIVITY: QuantityFacts("Bq/ml", ("PT",), 0.0, None, (100.0, 9000.0)),
    # Perfusion software writes 0 where it computed nothing: outside the brain, and in its vessels.
    Quantity.CBF: QuantityFacts("ml/100g/min", ("CT", "MR", "PT"), 0.0, 0.0, (5.0, 90.0)),
    Quantity.CBV: QuantityFacts("ml/100g", ("CT", "MR", "PT"), 0.0, 0.0, (1.0, 9.0)),
    Quantity.MTT: QuantityFacts("s", ("CT", "MR"), 0.0, 0.0, (2.0, 14.0)),
    Quantity.TMAX: QuantityFacts("s", ("CT", "MR"), 0.0, 0.0, (1.0, 12.0)),
    Quantity.ADC: QuantityFacts("um2/s", ("MR",), 0.0, 0.0, (300.0, 3000.0)),
    Quantity.LABEL: QuantityFacts("label", ("SEG",), 0.0, 0.0, (1.0, 3.0), whole=True),
}


def check_stated(quantity: Quantity, unit: str, modality: str) -> None:
    """Refuse a unit or a modality that the quantity does not have.

    Raises
    ------
    ValueError
        With what was stated and what is accepted.
    """
    facts = quantity.facts
    if unit != facts.unit:
        raise ValueError(f"the unit of {quantity} is {facts.unit}, got {unit}")
    if modality not in facts.modalities:
        raise ValueError(f"{quantity} comes from {' or '.join(facts.modalities)}, got {modality}")
