"""Stored pixels of one classic image to values: decoded, read from their cells, rescaled, padding emptied."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from pipelines.errors import UnreadableSeries
from pipelines.reading import jpeg_extended
from pipelines.reading.attributes import number, required, whole
from pipelines.reading.stored_bits import Cell, padding

_AIR_HU = -1000.0
_NO_SIGNAL = 0.0


def values(dataset: Dataset) -> npt.NDArray[np.float32]:
    """Return the rescaled values of a single-frame greyscale image, in the units of its modality.

    Padded pixels were never measured: they are air (-1000 HU) in CT, and 0, no signal, in all else.

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
        ``pixel-cell-invalid``, ``pixels-not-grey``, ``pixels-inverted`` or ``modality-lut-unsupported``, each with
        the instance's UID.

    Notes
    -----
    Rescale is PS3.3 C.11.1. MONOCHROME1 is refused: whether it inverts the display alone, as PS3.3 C.7.6.3.1.2 says,
    or the values were written inverted, nothing in the object tells, and a guess would swap air and tissue.
    """
    instance = str(required(dataset, "SOPInstanceUID"))
    if not isinstance(dataset.get("PixelData"), bytes) or not dataset.PixelData:
        raise UnreadableSeries("pixel-data-missing", instance=instance)
    _check_grey(dataset, instance)
    if "ModalityLUTSequence" in dataset:
        raise UnreadableSeries("modality-lut-unsupported", instance=instance)
    cell = Cell.of(dataset)
    cells = _decoded(dataset, cell, instance)
    stored = cell.values(cells)
    slope, intercept = number(dataset, "RescaleSlope", 1.0), number(dataset, "RescaleIntercept", 0.0)
    rescaled = stored * np.float64(slope) + np.float64(intercept)
    rescaled[padding(cells, stored, cell, dataset)] = _AIR_HU if dataset.get("Modality") == "CT" else _NO_SIGNAL
    return rescaled.astype(np.float32)


def _check_grey(dataset: Dataset, instance: str) -> None:
    found = str(dataset.get("PhotometricInterpretation", "") or "").strip()
    if found == "MONOCHROME1":
        raise UnreadableSeries("pixels-inverted", instance=instance, found=found)
    if whole(dataset, "SamplesPerPixel", 1) != 1 or found != "MONOCHROME2":
        raise UnreadableSeries("pixels-not-grey", instance=instance, found=found or "without an interpretation")


def _decoded(dataset: Dataset, cell: Cell, instance: str) -> npt.NDArray[np.integer]:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", ImplicitVRLittleEndian)
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    if not syntax.is_compressed:
        expected = rows * columns * cell.allocated // 8
        found = len(dataset.PixelData)
        if found not in (expected, expected + expected % 2):
            raise UnreadableSeries("pixel-data-length", instance=instance, found=found, expected=expected)
    elif not cell.is_right_justified and syntax != RLELossless:
        # RLE keeps whole cells; of all others the decoder gives values, and where it puts them is not agreed.
        raise UnreadableSeries(
            "pixel-cell-invalid", instance=instance, found=f"{cell.stored} bits up to bit {cell.high}, {syntax.name}"
        )
    try:
        twelve_bits = jpeg_extended.is_twelve_bit_extended(dataset)
        # Whole cells: the bits of old objects lie where pydicom's own correction does not expect them.
        pixels: npt.NDArray[np.integer] = (
            jpeg_extended.decode(dataset) if twelve_bits else pixel_array(dataset, raw=True, correct_unused_bits=False)
        )
    except Exception as why:  # the decoders of each syntax raise what they like
        raise UnreadableSeries(
            "pixel-data-undecodable", instance=instance, found=syntax.name, detail=type(why).__name__
        ) from why
    if pixels.shape != (rows, columns):
        raise UnreadableSeries("pixel-data-length", instance=instance, found=pixels.size, expected=rows * columns)
    return pixels
