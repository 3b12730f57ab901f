"""A picture of what a network makes of samples: MR, true CT, synthetic CT and their difference, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from models.training.logs import Picture

_CT_WINDOW_HU = (-1000.0, 1500.0)
_ERROR_HU = 500.0
_HEADING = 14
_LEAST_SIDE = 96

MADE = "made"
"""Title of what a network made."""

Slice = npt.NDArray[np.float32]


def synthesis_montage(rows: Sequence[tuple[Slice, Slice, Slice]]) -> Picture:
    """Return a picture (height, width, 3) with one row for each (MR, true CT, synthetic CT).

    Parameters
    ----------
    rows
        Slices of one shape: MR normalised, CT in HU. Rows run downwards.
    """
    headings = ["MR", "true CT", "synthetic CT", f"error, +-{_ERROR_HU:g} HU"]
    body = np.concatenate([_row(*row) for row in rows], axis=0)
    return np.concatenate([_heading(headings, body.shape[1]), body], axis=0)


def comparison_montage(rows: Sequence[Mapping[str, Slice]]) -> Picture:
    """Return a picture (height, width, 3) with one row for each mapping of titles to slices, all of the same titles.

    The slice ``made`` is drawn in the grey levels of the one before it, any other in its own.
    """
    titles = list(rows[0])
    lines = []
    for row in rows:
        greys, low, high = [], 0.0, 1.0
        for title, values in row.items():
            if title != MADE:
                low, high = float(values.min()), max(float(values.max()), float(values.min()) + 1e-6)
            greys.append(np.repeat(_grey(values, low, high)[..., None], 3, axis=2))
        enlarged = max(1, -(-_LEAST_SIDE // min(greys[0].shape[:2])))
        lines.append(np.concatenate(greys, axis=1).repeat(enlarged, axis=0).repeat(enlarged, axis=1))
    body = np.concatenate(lines, axis=0)
    return np.concatenate([_heading(titles, body.shape[1]), body], axis=0)


def _heading(titles: Sequence[str], width: int) -> Picture:
    heading = Image.new("RGB", (width, _HEADING))
    draw = ImageDraw.Draw(heading)
    for number, text in enumerate(titles):
        draw.text((number * width // len(titles) + 2, 1), text, fill=(255, 255, 255))
    return np.asarray(heading, np.uint8)


def _row(mr: Slice, true: Slice, ours: Slice) -> Picture:
    greys = [_grey(mr, 0.0, max(float(mr.max()), 1e-6)), _grey(true, *_CT_WINDOW_HU), _grey(ours, *_CT_WINDOW_HU)]
    columns = [np.repeat(grey[..., None], 3, axis=2) for grey in greys]
    enlarged = max(1, -(-_LEAST_SIDE // min(mr.shape)))
    joined: Picture = np.concatenate([*columns, _signed(ours - true)], axis=1)
    return joined.repeat(enlarged, axis=0).repeat(enlarged, axis=1)


def _grey(values: Slice, low: float, high: float) -> Picture:
    grey: Picture = (255.0 * np.clip((values - low) / (high - low), 0.0, 1.0)).astype(np.uint8)
    return grey


def _signed(error: Slice) -> Picture:
    """Red is too high, blue too low, white is right."""
    share = np.clip(error / _ERROR_HU, -1.0, 1.0)
    red, blue = 1.0 - np.maximum(-share, 0.0), 1.0 - np.maximum(share, 0.0)
    return (255.0 * np.stack([red, np.minimum(red, blue), blue], axis=-1)).astype(np.uint8)
