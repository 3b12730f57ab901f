"""Stored pixels of one classic image to values: decoded, cut to the bits stored, rescaled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from pipelines.errors import UnreadableSeries
from pipelines.reading import jpeg_extended
from pipelines.reading.attributes import number, required, whole


def values(dataset: Dataset) -> npt.NDArray[np.float32]:
    """Return the rescaled values of a single-frame greyscale image, in the units of its modality.

    Parameters
    ----------
    dataset
        With pixel data in any transfer syntax that pydicom can decode with its installed plug-ins.

    Returns
    -------
    Array of shape (rows, columns).

    Raises
    ------
    UnreadableSeries
        ``pixel-data-missing``, ``pixel-data-length`` (cut or too long), ``pixel-data-undecodable``,
        ``pixels-not-grey`` or ``modality-lut-unsupported``, each with the instance's UID.

    Notes
    -----
    Rescale is PS3.3 C.11.1. Bits above the stored ones may hold overlays in old objects (PS3.5 8.1.1), so they are
    dropped before the sign is extended.
    """
    instance = str(required(dataset, "SOPInstanceUID"))
    if not isinstance(dataset.get("PixelData"), bytes) or not dataset.PixelData:
        raise UnreadableSeries("pixel-data-missing", instance=instance)
    if whole(dataset, "SamplesPerPixel", 1) != 1 or not str(dataset.get("PhotometricInterpretation", "")).startswith(
        "MONOCHROME"
    ):
        raise UnreadableSeries(
            "pixels-not-grey", instance=instance, found=str(dataset.get("PhotometricInterpretation", ""))
        )
    if "ModalityLUTSequence" in dataset:
        raise UnreadableSeries("modality-lut-unsupported", instance=instance)
    stored = _within_bits_stored(_decoded(dataset, instance), dataset)
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    return (stored * np.float64(slope) + np.float64(intercept)).astype(np.float32)


def _decoded(dataset: Dataset, instance: str) -> npt.NDArray[np.integer]:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", ImplicitVRLittleEndian)
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not syntax.is_compressed:
        expected = rows * columns * whole(dataset, "BitsAllocated") // 8
        found = len(dataset.PixelData)
        if found not in (expected, expected + expected % 2):
            raise UnreadableSeries("pixel-data-length", instance=instance, found=found, expected=expected)
    try:
        twelve_bits = jpeg_extended.is_twelve_bit_extended(dataset)
        pixels: npt.NDArray[np.integer] = jpeg_extended.decode(dataset) if twelve_bits else dataset.pixel_array
    except Exception as why:  # the decoders of each syntax raise what they like
        raise UnreadableSeries(
            "pixel-data-undecodable", instance=instance, found=syntax.name, detail=type(why).__name__
        ) from why
    if pixels.shape != (rows, columns):
        raise UnreadableSeries("pixel-data-length", instance=instance, found=pixels.size, expected=rows * columns)
    return pixels


def _within_bits_stored(pixels: npt.NDArray[np.integer], dataset: Dataset) -> npt.NDArray[np.integer]:
    allocated = pixels.dtype.itemsize * 8
    unused = allocated - whole(dataset, "BitsStored", allocated)
    if unused <= 0:
        return pixels
    # Shifting a signed type back repeats its sign bit, an unsigned one fills with zeros: as each needs.
    cut: npt.NDArray[np.integer] = (pixels << unused) >> unused
    return cut
