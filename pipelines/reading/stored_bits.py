"""Pixel cells to stored values: where in a cell the bits lie, their sign, and which of them are padding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from pipelines.errors import UnreadableSeries
from pipelines.reading.attributes import numbers, required, whole

_PADDING = ("PixelPaddingValue", "PixelPaddingRangeLimit")


@dataclass(frozen=True, slots=True)
class Cell:
    """How a value lies in its pixel cell (PS3.5 8.1.1).

    Attributes
    ----------
    allocated, stored
        Bits of a cell, and of them those of the value.
    high
        Number of the value's highest bit, the lowest of the cell being 0.
    signed
        Whether the value is in two's complement.
    """

    allocated: int
    stored: int
    high: int
    signed: bool

    @staticmethod
    def of(dataset: Dataset) -> Cell:
        """Read how the pixels of an image are declared.

        Raises
        ------
        UnreadableSeries
            ``attribute-missing`` or ``attribute-malformed``; ``pixel-cell-invalid`` where the value does not fit in
            its cell.
        """
        allocated = whole(dataset, "BitsAllocated")
        stored = whole(dataset, "BitsStored", allocated)
        high = stored - 1 if dataset.get("HighBit") in (None, "") else numbers(dataset, "HighBit", 1)[0]
        sign = (
            0.0 if dataset.get("PixelRepresentation") in (None, "") else numbers(dataset, "PixelRepresentation", 1)[0]
        )
        if not stored - 1 <= high < allocated or high != int(high) or sign not in (0, 1):
            raise UnreadableSeries(
                "pixel-cell-invalid",
                instance=str(required(dataset, "SOPInstanceUID")),
                found=f"{stored} of {allocated} bits up to bit {high:g}, PixelRepresentation {sign:g}",
            )
        return Cell(allocated, stored, int(high), bool(sign))

    @property
    def is_right_justified(self) -> bool:
        """Whether the value begins at bit 0, as today's standard wants it."""
        return self.high == self.stored - 1

    def values(self, cells: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the values in `cells`; bits around them may hold overlays in old objects and are dropped."""
        unused = 64 - self.stored
        wide = cells.astype(np.int64) >> (self.high + 1 - self.stored)
        if self.signed:
            return (wide << unused) >> unused
        return wide & ((1 << self.stored) - 1)

    def holds(self, value: int) -> bool:
        """Return whether `value` can be stored."""
        least = -(1 << (self.stored - 1)) if self.signed else 0
        return least <= value < least + (1 << self.stored)


def padding(
    cells: npt.NDArray[np.integer], values: npt.NDArray[np.int64], cell: Cell, dataset: Dataset
) -> npt.NDArray[np.bool_]:
    """Return where an image is padded: PixelPaddingValue, or all up to PixelPaddingRangeLimit (PS3.3 C.7.5.1.1.2).

    A padding value that the stored bits cannot hold, as older scanners wrote it, is looked for in the whole cells.

    Parameters
    ----------
    cells, values
        The decoded pixels and their stored values, of one shape.
    cell
        How the values lie in the cells.
    dataset
        The image.

    Raises
    ------
    UnreadableSeries
        ``attribute-malformed`` when a padding attribute is no number.
    """
    ends = [int(numbers(dataset, keyword, 1)[0]) for keyword in _PADDING if dataset.get(keyword) not in (None, "")]
    if not ends or dataset.get(_PADDING[0]) in (None, ""):
        return np.zeros(values.shape, dtype=np.bool_)
    # Written with the other sign, as some do with -2000 in an attribute that says unsigned.
    ends = [_with_sign(end, cell) for end in ends]
    compared = values
    if not all(cell.holds(end) for end in ends):
        whole_cell = Cell(cell.allocated, cell.allocated, cell.allocated - 1, cell.signed)
        compared = whole_cell.values(cells)
    padded: npt.NDArray[np.bool_] = (compared >= min(ends)) & (compared <= max(ends))
    return padded


def _with_sign(value: int, cell: Cell) -> int:
    size = 1 << cell.allocated
    if cell.signed:
        return value - size if value >= size // 2 else value
    return value % size
