"""From stored values to a quantity: by rescale slope and intercept, or by real-world values with their unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from models.quantities import Quantity
from pipelines.errors import UnreadableSeries
from pipelines.reading.attributes import number, numbers, required

_AIR_HU = -1000.0
_NO_SIGNAL = 0.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How stored values become values.

    Attributes
    ----------
    slope, intercept
        Value = slope * stored + intercept.
    unmeasured
        Value of what was never measured: padding, and stored values outside `mapped`.
    mapped
        Lowest and highest stored value that the scale holds for; None: all.
    """

    slope: float
    intercept: float
    unmeasured: float
    mapped: tuple[float, float] | None = None

    def values(self, stored: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the values of stored ones."""
        found: npt.NDArray[np.float64] = stored * np.float64(self.slope) + np.float64(self.intercept)
        if self.mapped is not None:
            found[(stored < self.mapped[0]) | (stored > self.mapped[1])] = self.unmeasured
        return found


Scaling = Callable[[Dataset], Scale]
"""Reads the scale of one frame's header; refuses by raising `UnreadableSeries`."""

_FACTORS: Mapping[Quantity, Mapping[str, float]] = MappingProxyType(
    {
        Quantity.CBF: dict.fromkeys(("ml/100g/min", "ml/min/100g", "ml/100gmin", "ml/min100g"), 1.0)
        | dict.fromkeys(("ml/g/min", "ml/min/g", "ml/gmin", "ml/ming"), 100.0),
        Quantity.CBV: {"ml/100g": 1.0, "ml/g": 100.0},
        Quantity.MTT: {"s": 1.0, "ms": 0.001},
        Quantity.TMAX: {"s": 1.0, "ms": 0.001},
        Quantity.ADC: {"um2/s": 1.0, "10-6mm2/s": 1.0, "mm2/s": 1e6, "10-3mm2/s": 1e3, "um2/ms": 1e3},
    }
)
"""By quantity what one of a unit is in the quantity's own; units as UCUM and scanners write them, without signs.
Flow per 100 ml of tissue is no flow per 100 g: the tissue's density would have to be guessed."""

_SIGNS = re.compile(r"[\s().*{}\[\]]")


def by_rescale(header: Dataset) -> Scale:
    """Return slope and intercept of the modality (PS3.3 C.11.1, C.7.6.16.2.9); air of CT and 0 elsewhere is unmeasured.

    Raises
    ------
    UnreadableSeries
        ``modality-lut-unsupported``; ``attribute-malformed``; ``attribute-missing`` where a CT does not say how its
        stored values become HU (Type 1, PS3.3 C.8.2.1, C.8.15.3.10): read as they are they may be 1024 HU too high.
    """
    if "ModalityLUTSequence" in header:
        raise UnreadableSeries("modality-lut-unsupported", instance=str(required(header, "SOPInstanceUID")))
    is_ct = header.get("Modality") == "CT"
    if is_ct:
        required(header, "RescaleSlope")
        required(header, "RescaleIntercept")
    unmeasured = _AIR_HU if is_ct else _NO_SIGNAL
    return Scale(number(header, "RescaleSlope", 1.0), number(header, "RescaleIntercept", 0.0), unmeasured)


def scaling_of(quantity: Quantity) -> Scaling:
    """Return how images of a quantity are scaled: maps by their real-world values, all others by rescale."""
    return by_rescale if quantity not in _FACTORS else lambda header: _by_real_world_values(header, quantity)


def _by_real_world_values(header: Dataset, quantity: Quantity) -> Scale:
    """Return the one mapping whose unit is one of the quantity's (PS3.3 C.7.6.16.2.11), in the unit of cards."""
    mappings = list(header.get("RealWorldValueMappingSequence") or ())
    units = [_unit(item) for item in mappings]
    factors = [_FACTORS[quantity].get(_SIGNS.sub("", unit).lower()) for unit in units]
    meant = [(item, factor) for item, factor in zip(mappings, factors, strict=True) if factor is not None]
    if len(meant) != 1 or "RealWorldValueSlope" not in meant[0][0]:
        raise UnreadableSeries(
            "units-unknown",
            quantity=quantity.value.upper(),
            instance=str(required(header, "SOPInstanceUID")),
            found=", ".join(units) or "none",
            expected=quantity.unit,
        )
    item, factor = meant[0]
    (slope,), (intercept,) = numbers(item, "RealWorldValueSlope", 1), numbers(item, "RealWorldValueIntercept", 1)
    ends = ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped")
    mapped = (numbers(item, ends[0], 1)[0], numbers(item, ends[1], 1)[0]) if all(end in item for end in ends) else None
    return Scale(slope * factor, intercept * factor, quantity.facts.background, mapped)


def _unit(item: Dataset) -> str:
    codes = item.get("MeasurementUnitsCodeSequence")
    return str(codes[0].get("CodeValue") or "") if codes else ""
