from __future__ import annotations

from decimal import Decimal
from io import BytesIO
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from derived import DIGEST, FRAME, RUN, head, source_series
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import Dataset, dcmread
from scipy.spatial.transform import Rotation

from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.errors import UnfitObject
from pipelines.objects.codes import MR_TO_MR
from pipelines.objects.encoding import encode
from pipelines.objects.mr import LARGEST_STORED, signal_slope, stored_signal, synthetic_mr_series
from pipelines.reading.reader import read_series
from pipelines.reading.series import SourceSeries

Floats = npt.NDArray[np.float32]

CT = source_series(Modality="CT")
SAGITTAL = Grid((32, 30, 6), (4.0, 4.0, 20.0), (-50.0, -60.0, 40.0), CT.volume.grid.direction)


def signal(grid: Grid = SAGITTAL) -> Volume:
    return Volume(np.clip(head(grid).values + 1000, 0, None), grid)


def made(values: Volume | None = None, source: SourceSeries = CT) -> tuple[Dataset, ...]:
    return synthetic_mr_series(values or signal(), source, RUN, DIGEST, resampled=False, body_part="HEAD")


@pytest.mark.hazard("HAZ-03")
def test_a_sagittal_mr_comes_back_where_it_stood() -> None:
    files = [encode(image) for image in made()]
    read = read_series([SourceInstance(dcmread(BytesIO(content)), "") for content in files]).volume
    assert np.allclose(np.abs(read.grid.affine), np.abs(SAGITTAL.affine)) or read.grid.size == SAGITTAL.size
    flipped = read.values if np.allclose(read.grid.origin, SAGITTAL.origin) else read.values[::-1]
    slope = dcmread(BytesIO(files[0])).RealWorldValueMappingSequence[0].RealWorldValueSlope
    assert np.abs(flipped * slope - signal().values).max() <= slope / 2
    assert {dcmread(BytesIO(content)).FrameOfReferenceUID for content in files} == {FRAME}


@pytest.mark.hazard("HAZ-03")
@given(st.floats(-180, 180), st.floats(-80, 80), st.floats(-180, 180), st.floats(-900, 900), st.floats(0.3, 9.0))
@settings(max_examples=40, deadline=None)
def test_positions_step_along_the_normal_in_any_orientation(
    about_z: float, about_y: float, about_x: float, origin: float, step: float
) -> None:
    axes = Rotation.from_euler("zyx", [about_z, about_y, about_x], degrees=True).as_matrix()
    first, second, third = (tuple(float(value) for value in axis) for axis in axes)
    grid = Grid((3, 4, 5), (1.5, 1.25, step), (origin, -origin, origin / 2), (first, second, third))  # type: ignore[arg-type]
    images = made(Volume(np.ones(grid.shape, dtype=np.float32), grid))
    places = [[Decimal(str(value)) for value in image["ImagePositionPatient"].value] for image in images]
    assert len({tuple(b - a for a, b in zip(*pair, strict=True)) for pair in pairwise(places)}) == 1
    walked = np.array(places[-1], dtype=float) - np.array(places[0], dtype=float)
    assert np.allclose(walked, np.array(third) * step * 4, atol=1e-6)
    assert np.allclose([float(v) for v in images[0].ImageOrientationPatient], [*first, *second], atol=1e-7)
    assert max(len(str(v)) for image in images for v in image.ImagePositionPatient) <= 16


@pytest.mark.hazard("HAZ-05")
def test_it_says_that_it_is_synthetic_and_claims_no_acquisition() -> None:
    image = dcmread(BytesIO(encode(made()[0])))
    assert (image.SyntheticData, image.ContentQualification) == ("YES", "RESEARCH")
    assert image.SeriesDescription.startswith("SYNTHETIC MR from CT")
    assert [code.CodeValue for code in image.DerivationCodeSequence] == ["CT-TO-MR"]
    assert image.DerivationDescription.startswith("SYNTHETIC: MR computed from CT by")
    assert (image.ScanningSequence, image.MRAcquisitionType) == ("RM", "3D")
    assert all(image[keyword].is_empty for keyword in ("RepetitionTime", "EchoTime", "EchoTrainLength"))
    assert "RescaleSlope" not in image
    assert len(image.SourceImageSequence) == 6


def test_a_derivation_names_its_kind_and_all_modalities() -> None:
    mr = source_series(SeriesInstanceUID="1.2.826.0.1.3680043.8.498.33")
    image = synthetic_mr_series(signal(), mr, RUN, DIGEST, True, kind=MR_TO_MR, others=[CT], body_part="HEAD")[0]
    assert [code.CodeValue for code in image.DerivationCodeSequence] == ["MR-TO-MR", "113085"]
    assert "computed from MR and CT" in image.DerivationDescription
    assert "resampled to another grid" in image.DerivationDescription
    assert len(image.SourceImageSequence) == 12


@pytest.mark.parametrize(("value", "code"), [(-1.0, "range"), (np.inf, "not-finite"), (np.nan, "not-finite")])
def test_what_is_no_signal_is_refused(value: float, code: str) -> None:
    values = signal()
    values.values[0, 0, 0] = value
    with pytest.raises(UnfitObject) as caught:
        made(values)
    assert code in caught.value.reason.code


@given(st.floats(1e-30, 1e30), arrays(np.float32, 50, elements=st.floats(0, 1, width=32)))
def test_any_range_uses_the_stored_bits_and_comes_back_exactly(brightest: float, values: Floats) -> None:
    values = np.append(values, np.float32(1)) * np.float32(brightest)
    slope = signal_slope(values)
    stored = stored_signal(values, slope)
    assert LARGEST_STORED // 2 < stored.max() <= LARGEST_STORED
    back = stored * slope
    assert np.abs(back - values).max() <= slope / 2
    assert signal_slope(back) == slope
    assert np.array_equal(stored_signal(back, slope), stored)


@given(arrays(np.float32, 20, elements=st.integers(0, LARGEST_STORED)))
def test_whole_numbers_stay_what_they_are(values: Floats) -> None:
    slope = signal_slope(values)
    assert np.array_equal(stored_signal(values, slope) * slope, values)


def test_a_signal_of_0_to_1_keeps_its_shades() -> None:
    image = made(Volume(signal().values / signal().values.max(), SAGITTAL))[3]
    shades = np.unique(np.frombuffer(image.PixelData, dtype="<u2"))
    assert len(shades) == len(np.unique(signal().values[3])) > 2
    (mapping,) = dcmread(BytesIO(encode(image))).RealWorldValueMappingSequence
    assert mapping.RealWorldValueSlope == 2.0**-15
    assert (mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueIntercept) == (0, 0.0)


@pytest.mark.hazard("HAZ-09")
def test_the_same_run_gives_the_same_bytes() -> None:
    assert [encode(image) for image in made()] == [encode(image) for image in made()]
