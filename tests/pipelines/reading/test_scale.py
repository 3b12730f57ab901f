"""Maps are read in the unit of their quantity, by what the object says of it, or refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence

from models.quantities import Quantity
from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.reader import read_series
from pipelines.reading.scale import by_rescale, scaling_of
from pipelines.reasons import text

SeriesMaker = Callable[..., list[SourceInstance]]


def mapping(unit: str, slope: float = 0.5, intercept: float = 0.0, mapped: tuple[int, int] | None = None) -> Dataset:
    item, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    item.MeasurementUnitsCodeSequence = Sequence([code])
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    if mapped is not None:
        item.add_new("RealWorldValueFirstValueMapped", "US", mapped[0])
        item.add_new("RealWorldValueLastValueMapped", "US", mapped[1])
    return item


def series(bare_series: SeriesMaker, *mappings: Dataset, modality: str = "CT") -> list[SourceInstance]:
    instances = bare_series()
    for instance in instances:
        instance.dataset.Modality = modality
        instance.dataset.RescaleSlope, instance.dataset.RescaleIntercept = "1", "-1024"
        if mappings:
            instance.dataset.RealWorldValueMappingSequence = Sequence(list(mappings))
    return instances


def stored(instances: list[SourceInstance]) -> np.ndarray:
    return np.stack([instance.dataset.pixel_array for instance in instances]).astype(float)


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        (Quantity.CBF, "ml/100g/min", 1),
        (Quantity.CBF, "mL/(100.g.min)", 1),
        (Quantity.CBF, "ml/min/g", 100),
        (Quantity.CBV, "mL/(100.g)", 1),
        (Quantity.MTT, "s", 1),
        (Quantity.TMAX, "ms", 0.001),
        (Quantity.ADC, "um2/s", 1),
        (Quantity.ADC, "mm2/s", 1e6),
        (Quantity.ADC, "10*-6.mm2/s", 1),
    ],
)
def test_a_map_is_read_in_its_own_unit(bare_series: SeriesMaker, quantity: Quantity, unit: str, factor: float) -> None:
    instances = series(bare_series, mapping("HU"), mapping(unit, 0.25, 2.0))
    found = read_series(instances, None, scaling_of(quantity)).volume.values
    assert np.allclose(found, (stored(instances) * 0.25 + 2.0) * factor, rtol=1e-6)


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("quantity", "mappings", "said"),
    [
        (Quantity.CBF, (), "none"),
        (Quantity.CBF, (mapping("HU"),), "HU"),
        (Quantity.CBF, (mapping("ml/100ml/min"),), "ml/100ml/min"),  # the tissue's density would be a guess
        (Quantity.MTT, (mapping("1"),), "1"),
        (Quantity.CBV, (mapping("ml/100g"), mapping("ml/g")), "ml/100g, ml/g"),
    ],
)
def test_a_map_without_its_unit_is_refused_by_name(
    bare_series: SeriesMaker, quantity: Quantity, mappings: tuple[Dataset, ...], said: str
) -> None:
    with pytest.raises(UnreadableSeries) as caught:
        read_series(series(bare_series, *mappings), None, scaling_of(quantity))
    assert caught.value.reason.code == "units-unknown"
    assert f"found {said};" in text(caught.value.reason)
    assert quantity.value.upper() in text(caught.value.reason)


def test_what_a_map_does_not_cover_and_its_padding_are_nothing_and_not_air(bare_series: SeriesMaker) -> None:
    instances = series(bare_series, mapping("s", 0.5, 1.0, mapped=(5, 40)))
    for instance in instances:
        instance.dataset.add_new("PixelPaddingValue", "US", 7)
    found = read_series(instances, None, scaling_of(Quantity.TMAX)).volume.values
    given = stored(instances)
    covered = (given >= 5) & (given <= 40) & (given != 7)
    assert np.array_equal(found[covered], (given * 0.5 + 1.0)[covered])
    assert not found[~covered].any()


def test_images_of_a_scanner_are_rescaled_whatever_mappings_they_carry(bare_series: SeriesMaker) -> None:
    instances = series(bare_series, mapping("s"))
    for quantity in (Quantity.CT_NUMBER, Quantity.MR_SIGNAL):
        assert scaling_of(quantity) is by_rescale
    assert np.array_equal(read_series(instances).volume.values, stored(instances) - 1024)


def test_colour_maps_are_refused_as_such(bare_series: SeriesMaker) -> None:
    instances = series(bare_series, mapping("s"))
    for instance in instances:
        instance.dataset.SamplesPerPixel, instance.dataset.PhotometricInterpretation = 3, "RGB"
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances, None, scaling_of(Quantity.TMAX))
    assert caught.value.reason.code == "pixels-not-grey"
