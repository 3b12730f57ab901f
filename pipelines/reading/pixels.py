"""Stored pixels of frames to values: decoded, read from their cells, scaled, padding emptied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels import iter_pixels
from pydicom.uid import UID, ImplicitVRLittleEndian, RLELossless

from pipelines.errors import UnreadableSeries
from pipelines.reading import jpeg_extended
from pipelines.reading.attributes import required, whole
from pipelines.reading.frames import Frame
from pipelines.reading.scale import Scale, Scaling, by_rescale
from pipelines.reading.stored_bits import Cell, padding

Cells = npt.NDArray[np.integer]


def values(frames: Sequence[Frame], scaling: Scaling = by_rescale) -> npt.NDArray[np.float32]:
    """Return the values of greyscale frames of one size, in the units that `scaling` gives them.

    Padded pixels were never measured: they are air (-1000 HU) in CT, and 0, no signal, in all else.

    Parameters
    ----------
    frames
        At least one, with pixel data in any transfer syntax that pydicom can decode with its installed plug-ins.
    scaling
        Reads each frame's scale from its header.

    Returns
    -------
    Array of shape (frames, rows, columns), in the order given.

    Raises
    ------
    UnreadableSeries
        ``pixel-data-missing``, ``pixel-data-length`` (cut or too long), ``pixel-data-undecodable``,
        ``pixel-cell-invalid``, ``pixels-not-grey`` or ``pixels-inverted``, each with the instance's UID; or as
        `scaling` raises.

    Notes
    -----
    MONOCHROME1 is refused: whether it inverts the display alone,
    as PS3.3 C.7.6.3.1.2 says, or the values were written inverted, nothing in the object tells, and a guess would swap
    air and tissue.
    """
    first = frames[0].header
    found = np.empty((len(frames), whole(first, "Rows"), whole(first, "Columns")), dtype=np.float32)
    for at in _by_instance(frames):
        wanted = [frames[place] for place in at]
        cell = _check_cells(wanted[0].instance, wanted[-1].index)
        for place, frame, cells in zip(at, wanted, _decoded(wanted), strict=True):
            found[place] = _scaled(frame.header, cells, cell, scaling(frame.header))
    return found


def _by_instance(frames: Sequence[Frame]) -> Iterator[list[int]]:
    """Give the places in `frames` of each instance's frames, in the order of its pixel data."""
    places: dict[int, list[int]] = {}
    for place, frame in enumerate(frames):
        places.setdefault(id(frame.instance), []).append(place)
    for members in places.values():
        yield sorted(members, key=lambda place: frames[place].index)


def _scaled(header: Dataset, cells: Cells, cell: Cell, scale: Scale) -> npt.NDArray[np.float64]:
    stored = cell.values(cells)
    found = scale.values(stored)
    found[padding(cells, stored, cell, header)] = scale.unmeasured
    return found


def _check_cells(dataset: Dataset, last: int) -> Cell:
    """Check what all frames of an instance share, before any is decoded; `last` is the last frame that is wanted."""
    instance = str(required(dataset, "SOPInstanceUID"))
    if not isinstance(dataset.get("PixelData"), bytes) or not dataset.PixelData:
        raise UnreadableSeries("pixel-data-missing", instance=instance)
    _check_grey(dataset, instance)
    cell = Cell.of(dataset)
    syntax = _syntax(dataset)
    if not syntax.is_compressed:
        frames = max(whole(dataset, "NumberOfFrames", 1), last + 1)
        expected = frames * whole(dataset, "Rows") * whole(dataset, "Columns") * cell.allocated // 8
        found = len(dataset.PixelData)
        if found not in (expected, expected + expected % 2):
            raise UnreadableSeries("pixel-data-length", instance=instance, found=found, expected=expected)
    elif not cell.is_right_justified and syntax != RLELossless:
        # RLE keeps whole cells; of all others the decoder gives values, and where it puts them is not agreed.
        raise UnreadableSeries(
            "pixel-cell-invalid", instance=instance, found=f"{cell.stored} bits up to bit {cell.high}, {syntax.name}"
        )
    return cell


def _check_grey(dataset: Dataset, instance: str) -> None:
    found = str(dataset.get("PhotometricInterpretation", "") or "").strip()
    if found == "MONOCHROME1":
        raise UnreadableSeries("pixels-inverted", instance=instance, found=found)
    if whole(dataset, "SamplesPerPixel", 1) != 1 or found != "MONOCHROME2":
        raise UnreadableSeries("pixels-not-grey", instance=instance, found=found or "without an interpretation")


def _decoded(frames: Sequence[Frame]) -> Iterator[Cells]:
    """Give the whole cells of frames of one instance, which stand in the order of its pixel data."""
    dataset = frames[0].instance
    instance, syntax = str(dataset.SOPInstanceUID), _syntax(dataset)
    rows, columns = whole(dataset, "Rows"), whole(dataset, "Columns")
    decoding = _planes(dataset, [frame.index for frame in frames])
    for _ in frames:
        try:
            pixels = next(decoding)
        except Exception as why:  # the decoders of each syntax raise what they like
            raise UnreadableSeries(
                "pixel-data-undecodable", instance=instance, found=syntax.name, detail=type(why).__name__
            ) from why
        if pixels.shape != (rows, columns):
            raise UnreadableSeries("pixel-data-length", instance=instance, found=pixels.size, expected=rows * columns)
        yield pixels


def _planes(dataset: Dataset, indices: Sequence[int]) -> Iterator[Cells]:
    if jpeg_extended.is_twelve_bit_extended(dataset):
        yield from jpeg_extended.decode(dataset, indices)
    else:
        # Whole cells: the bits of old objects lie where pydicom's own correction does not expect them.
        yield from iter_pixels(dataset, indices=indices, raw=True, correct_unused_bits=False)


def _syntax(dataset: Dataset) -> UID:
    syntax: UID = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", ImplicitVRLittleEndian)
    return syntax
