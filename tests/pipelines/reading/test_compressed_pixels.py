"""Pixels of every compression are decoded to what was sent, and broken ones are an error of ours."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from peers import program
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pipelines.contract import SourceInstance
from pipelines.errors import UnreadableSeries
from pipelines.reading.reader import read_series


def code_of(instances: list[SourceInstance]) -> str:
    with pytest.raises(UnreadableSeries) as caught:
        read_series(instances)
    return caught.value.reason.code


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_are_decoded(bare_series: Callable[..., list[SourceInstance]], syntax: str) -> None:
    values = np.random.default_rng(1).integers(0, 4000, (3, 64, 64)).astype(np.uint16)
    instances = bare_series(values)
    for instance in instances:
        instance.dataset.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read_series(instances).volume.values, values.astype(np.float32))


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(
    ("command", "written", "largest", "signed"),
    [
        (("dcmcjpeg", "+el"), JPEGLossless, 0, False),
        (("dcmcjpeg", "+el"), JPEGLossless, 0, True),
        (("dcmcjpeg", "+e1"), JPEGLosslessSV1, 0, False),
        (("dcmcjpeg", "+e1"), JPEGLosslessSV1, 0, True),
        (("dcmcjpeg", "+ee", "+q", "100"), JPEGExtended12Bit, 2, False),
        (("dcmcjpls", "+el"), JPEGLSLossless, 0, False),
        (("dcmcjpls", "+el"), JPEGLSLossless, 0, True),
        (("dcmcjpls", "+en", "+md", "2"), JPEGLSNearLossless, 2, False),
    ],
)
def test_what_dcmtk_compressed_is_decoded(
    bare_series: Callable[..., list[SourceInstance]],
    tmp_path: Path,
    command: tuple[str, ...],
    written: str,
    largest: int,
    signed: bool,
) -> None:
    values = np.random.default_rng(1).integers(-2000 if signed else 0, 2000, (2, 64, 48))
    instances = bare_series(values.astype(np.int16 if signed else np.uint16))
    decoded = []
    for number, instance in enumerate(instances):
        ds = instance.dataset
        ds.BitsStored, ds.HighBit = 12, 11
        if signed:
            ds.PixelRepresentation = 1
            ds.PixelData = (values[number].astype(np.int16).view(np.uint16) & 0x0FFF).tobytes()
        plain, packed = tmp_path / f"{number}.dcm", tmp_path / f"{number}.packed.dcm"
        ds.save_as(plain, enforce_file_format=True)
        subprocess.run([program(command[0]), *command[1:], plain, packed], check=True, timeout=60)
        decoded.append(SourceInstance(pydicom.dcmread(packed), ""))
        assert decoded[-1].dataset.file_meta.TransferSyntaxUID == written
    assert np.abs(read_series(decoded).volume.values - values).max() <= largest


@pytest.mark.hazard("HAZ-24")
def test_broken_compressed_pixels_are_an_error_of_ours(bare_series: Callable[..., list[SourceInstance]]) -> None:
    instances = bare_series(np.ones((2, 16, 16), dtype=np.uint16))
    for instance in instances:
        instance.dataset.compress(RLELossless, generate_instance_uid=False)
    broken = instances[1].dataset
    broken.PixelData = broken.PixelData[:12] + b"\x00" * (len(broken.PixelData) - 12)
    assert code_of(instances) == "pixel-data-undecodable"
