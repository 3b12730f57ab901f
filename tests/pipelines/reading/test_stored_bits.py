"""Pixels as PS3.5 8.1.1 lays them into cells, whatever the bits around them hold, and padding as PS3.3 C.7.5.1.1.2."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, RLELossless

from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.frames import frames_of
from pipelines.reading.pixels import values

SeriesMaker = Callable[..., list[SourceInstance]]


def image(bare_series: SeriesMaker, cells: np.ndarray, stored: int, high: int, signed: bool) -> Dataset:
    dataset = bare_series(np.stack([cells, cells]))[0].dataset
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = stored, high, int(signed)
    return dataset


def code_of(dataset: Dataset) -> str:
    with pytest.raises(UnreadableSeries) as caught:
        values(frames_of(dataset))[0]
    return caught.value.reason.code


@pytest.mark.hazard("HAZ-06")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_come_back_from_any_cell(bare_series: SeriesMaker, data: st.DataObject) -> None:
    allocated = data.draw(st.sampled_from([8, 16, 32]), "allocated")
    stored = data.draw(st.integers(1, min(allocated, 24)), "stored")  # 24 bits are exact in float32
    high = data.draw(st.integers(stored - 1, allocated - 1), "high")
    signed = data.draw(st.booleans(), "signed")
    slope, intercept = data.draw(st.sampled_from([(1.0, 0.0), (0.5, -1024.0), (2.0, 10.0)]), "rescale")
    least = -(1 << (stored - 1)) if signed else 0
    written = data.draw(st.lists(st.integers(least, least + (1 << stored) - 1), min_size=12, max_size=12), "values")
    around = data.draw(st.lists(st.integers(0, (1 << allocated) - 1), min_size=12, max_size=12), "bits around")
    shift, mask = high + 1 - stored, (1 << stored) - 1
    cells = [(value & mask) << shift | other & ~(mask << shift) for value, other in zip(written, around, strict=True)]
    dataset = image(bare_series, np.array(cells, f"<u{allocated // 8}").reshape(3, 4), stored, high, signed)
    dataset.RescaleSlope, dataset.RescaleIntercept = str(slope), str(intercept)
    expected = np.array(written, np.float64).reshape(3, 4) * slope + intercept
    assert np.array_equal(values(frames_of(dataset))[0], expected.astype(np.float32))


@pytest.mark.parametrize(("stored", "high"), [(12, 10), (12, 16), (17, 16), (12, 14.5)])
def test_a_value_that_does_not_fit_in_its_cell_is_refused(bare_series: SeriesMaker, stored: int, high: float) -> None:
    dataset = image(bare_series, np.zeros((3, 4), np.uint16), 12, 11, False)
    dataset.BitsStored = stored
    dataset.add_new(0x00280102, "DS", str(high))
    assert code_of(dataset) == "pixel-cell-invalid"


def test_left_justified_pixels_are_read_from_rle_and_refused_where_the_decoder_decides(
    bare_series: SeriesMaker,
) -> None:
    cells = (np.arange(12, dtype=np.uint16).reshape(3, 4) * 100) << 4
    packed = image(bare_series, cells, 16, 15, False)
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.BitsStored = 12
    assert np.array_equal(values(frames_of(packed))[0], np.arange(12).reshape(3, 4) * 100.0)
    packed.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert code_of(packed) == "pixel-cell-invalid"


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize(
    ("modality", "stored", "signed", "padding", "limit", "written", "expected"),
    [
        ("MR", 12, False, 4095, None, [4095, 4094, 7], [0, 4094, 7]),
        ("MR", 16, True, -5, None, [-5, 5, 7], [0, 5, 7]),
        ("MR", 12, False, 4000, 4095, [4095, 4000, 7], [0, 0, 7]),
        ("MR", 12, False, 4095, 4000, [4095, 4000, 7], [0, 0, 7]),
        ("CT", 16, True, -2000, None, [-2000, -1000, 40], [-1000, -1000, 40]),
        ("CT", 12, True, -2000, None, [-2000, -1000, 40], [-1000, -1000, 40]),
        ("CT", 12, False, 63536, None, [63536, 1000, 40], [-1000, 1000, 40]),  # -2000 in a cell of 16 bits
    ],
)
def test_padding_is_air_and_no_signal(
    bare_series: SeriesMaker,
    modality: str,
    stored: int,
    signed: bool,
    padding: int,
    limit: int | None,
    written: list[int],
    expected: list[int],
) -> None:
    cells = np.array([written]).astype(np.int16 if signed else np.uint16)
    dataset = image(bare_series, cells, stored, stored - 1, signed)
    dataset.Modality = modality
    dataset.RescaleSlope, dataset.RescaleIntercept = "1", "0"
    dataset.add_new(0x00280120, "SS" if padding < 0 else "US", padding)
    if limit is not None:
        dataset.add_new(0x00280121, "US", limit)
    assert values(frames_of(dataset))[0].tolist() == [expected]


def test_padding_that_was_written_unsigned_means_the_signed_value(bare_series: SeriesMaker) -> None:
    dataset = image(bare_series, np.array([[-2000, 5]], np.int16), 16, 15, True)
    dataset.add_new(0x00280120, "US", 63536)
    assert values(frames_of(dataset))[0].tolist() == [[0, 5]]


@pytest.mark.parametrize(
    ("keyword", "value", "code"),
    [
        ("PhotometricInterpretation", "MONOCHROME1", "pixels-inverted"),
        ("PhotometricInterpretation", "RGB", "pixels-not-grey"),
        ("ModalityLUTSequence", [Dataset()], "modality-lut-unsupported"),
    ],
)
def test_pixels_of_another_meaning_are_refused_by_name(
    bare_series: SeriesMaker, keyword: str, value: object, code: str
) -> None:
    dataset = image(bare_series, np.zeros((3, 4), np.uint16), 12, 11, False)
    setattr(dataset, keyword, value)
    assert code_of(dataset) == code


def test_a_ct_that_does_not_say_how_it_becomes_hu_is_refused(bare_series: SeriesMaker) -> None:
    """Most CTs are stored 1024 above their HU: read as they are, water would be bone."""
    dataset = image(bare_series, np.array([[1024, 1064, 24]], dtype=np.uint16), 12, 11, False)
    dataset.Modality = "CT"
    assert code_of(dataset) == "attribute-missing"
