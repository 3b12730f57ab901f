"""JPEG Extended (Process 2 and 4) with twelve bits a sample, which no decoder that pydicom drives will read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import gdcm
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGExtended12Bit


def is_twelve_bit_extended(dataset: Dataset) -> bool:
    """Return whether the pixels are JPEG Extended with more than eight bits stored."""
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    return syntax == JPEGExtended12Bit and int(dataset.get("BitsStored", 0)) > 8


def decode(dataset: Dataset, indices: Sequence[int]) -> Iterator[npt.NDArray[np.uint16]]:
    """Give the wanted frames of a greyscale image, arrays (rows, columns); `indices` grow.

    pydicom refuses these pixels to GDCM, whose decoder reads them: PS3.5 8.2.1 allows eight and twelve bits.

    Raises
    ------
    ValueError
        When a stream does not hold one image of that size.
    """
    wanted = frozenset(indices)
    frames = int(dataset.get("NumberOfFrames") or 1)
    for index, stream in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames)):
        if index in wanted:
            yield _decode_one(dataset, stream)


def _decode_one(dataset: Dataset, stream: bytes) -> npt.NDArray[np.uint16]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(stream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    stored = int(dataset.BitsStored)
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    kind = gdcm.PhotometricInterpretation.GetPIType(str(dataset.PhotometricInterpretation))
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(JPEGExtended12Bit))))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, stored, stored - 1, 0))
    # GDCM gives bytes as text that they were hidden in.
    values = np.frombuffer(image.GetBuffer().encode("utf-8", "surrogateescape"), dtype="<u2")
    return values.reshape(rows, columns)
