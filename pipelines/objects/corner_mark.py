"""A mark burnt into a corner of every slice, outside the anatomy, for viewers that show no description."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from models.volumes import Grid, Volume

Mask = npt.NDArray[np.bool_]

_SIZES = (16, 14, 12, 11, 10)
"""Of the letters in pixels, from large to small; below the last they run into each other."""

_LARGEST_SHARE = 0.6
"""Of an image's width that a mark may take, before smaller letters are tried."""

_AIR = 2
"""Pixels around a mark that must be free of anatomy as well."""


def with_corner_mark(image: Volume, body: Mask, lines: Sequence[str]) -> tuple[Volume, Mask]:
    """Return `image` with `lines` written into one corner of every slice, as bright as the body is at its brightest.

    The corner is the first, beginning at the top left, that no slice's anatomy reaches. Where each has some, rows are
    added below the image, and columns at its right where it is narrower than the mark: no voxel of the body changes,
    and no letter is cut.

    Parameters
    ----------
    image
        Values from 0 up; outside the body 0.
    body
        Boolean array of its shape.
    lines
        Capital letters.

    Returns
    -------
    The image, perhaps larger, and where the mark is on it.
    """
    signal = image.values[body] if body.any() else image.values
    brightest = max(float(np.percentile(signal, 99.5)), 1.0)
    drawn = _drawn(lines, image.grid.size[0])
    corner = _free_corner(np.asarray(body.any(axis=0)), drawn.shape)
    if corner is None:
        columns, rows, _ = image.grid.size
        height, width = drawn.shape
        image = _extended(image, rows=height + 2 * _AIR, columns=max(0, width + 2 * _AIR - columns))
        corner = (rows + _AIR, _AIR)
    marked = np.zeros(image.grid.shape[1:], dtype=bool)
    row, column = corner
    marked[row : row + drawn.shape[0], column : column + drawn.shape[1]] = drawn
    mark = np.broadcast_to(marked, image.grid.shape)
    return Volume(np.where(mark, np.float32(brightest), image.values), image.grid), mark


def _drawn(lines: Sequence[str], columns: int) -> Mask:
    """Return the text as a mask, in the largest letters that fit the image's width, without half-tones."""
    for size in _SIZES:
        font = ImageFont.load_default(size)
        boxes = [font.getbbox(line) for line in lines]
        if max(right for _, _, right, _ in boxes) <= _LARGEST_SHARE * columns:
            break
    width = max(int(np.ceil(right)) for _, _, right, _ in boxes)
    picture = Image.new("1", (width, (size + 2) * len(lines)))
    pen = ImageDraw.Draw(picture)
    pen.fontmode = "1"
    for number, line in enumerate(lines):
        pen.text((0, number * (size + 2)), line, fill=1, font=font)
    mask: Mask = np.asarray(picture, dtype=bool)
    return mask


def _free_corner(reached: Mask, shape: tuple[int, ...]) -> tuple[int, int] | None:
    """Return row and column where a mark of `shape` meets no anatomy of any slice; None where each corner has some."""
    rows, columns = reached.shape
    height, width = shape
    if height + 2 * _AIR > rows or width + 2 * _AIR > columns:
        return None
    for row in (_AIR, rows - height - _AIR):
        for column in (_AIR, columns - width - _AIR):
            if not reached[row - _AIR : row + height + _AIR, column - _AIR : column + width + _AIR].any():
                return row, column
    return None


def _extended(image: Volume, *, rows: int, columns: int) -> Volume:
    grid = image.grid
    across, down, slices = grid.size
    values = np.pad(image.values, ((0, 0), (0, rows), (0, columns)))
    return Volume(values, Grid((across + columns, down + rows, slices), grid.spacing, grid.origin, grid.direction))
