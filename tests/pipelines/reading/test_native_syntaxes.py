"""Native transfer syntaxes: the bytes of a file in any order give the same values, of one frame and of many."""

from __future__ import annotations

from copy import deepcopy
from io import BytesIO

import numpy as np
import pytest
from enhanced import enhanced_mr
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from models.volumes import Grid, Volume
from pipelines.contract import SourceInstance
from pipelines.phantoms.series import mr_series
from pipelines.reading.reader import read_series

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian)


def written(dataset: Dataset, syntax: UID) -> SourceInstance:
    """The instance read back from a file of that transfer syntax."""
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    return SourceInstance(dcmread(BytesIO(stream.getvalue())), "")


@pytest.fixture(scope="module")
def classic() -> list[Dataset]:
    values = np.random.default_rng(5).uniform(0, 1000, (5, 12, 16)).astype(np.float32)
    grid = Grid(size=(16, 12, 5), spacing=(1.0, 1.5, 3.0), origin=(0.0, 0.0, 0.0))
    return mr_series(Volume(values, grid), seed=3)


@pytest.mark.hazard("HAZ-06")
@pytest.mark.parametrize("syntax", NATIVE, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("enhanced", [False, True], ids=["classic", "enhanced"])
def test_native_bytes_in_any_order_give_the_same_values(classic: list[Dataset], syntax: UID, enhanced: bool) -> None:
    images = deepcopy(classic)
    sent = [enhanced_mr(images)] if enhanced else images
    expected = np.stack([image.pixel_array for image in classic])
    found = read_series([written(one, syntax) for one in sent])
    assert np.array_equal(found.volume.values, expected.astype(np.float32))
