"""Planes to pictures: windows, colours, outlines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.volumes import Array
from pipelines.previews.canvas import Colour, Picture


@dataclass(frozen=True, slots=True)
class Window:
    """Values from black to white: the centre and the whole width between them, HU for CT."""

    centre: float
    width: float

    def __str__(self) -> str:
        return f"{self.centre:g} ± {self.width / 2:g} HU"


SOFT_TISSUE = Window(40, 350)
BONE = Window(500, 2400)

UNKNOWN: Colour = (70, 78, 86)
"""Where a map says nothing."""

_SAMPLE = 500_000
_MOSTLY = 0.5


def window_of(values: Array) -> Window:
    """Return a window for MR, whose units are arbitrary: black at zero or below, white at the 99.5th percentile."""
    low, top = min(0.0, percentile(values, 0.5)), percentile(values, 99.5)
    return Window((low + top) / 2, max(top - low, 1e-6))


def percentile(values: Array, share: float) -> float:
    """Return a percentile of the finite values, from a regular sample of them; 0 where there are none."""
    sample = values.ravel()[:: max(1, values.size // _SAMPLE)]
    known = sample[np.isfinite(sample)]
    return float(np.percentile(known, share)) if known.size else 0.0


def grey(plane: Array, window: Window, size: tuple[int, int]) -> Picture:
    """Return a plane as a grey RGB picture of `size` (width, height)."""
    scaled = (_resized(plane, size) - (window.centre - window.width / 2)) / window.width
    return cv2.cvtColor(_bytes(scaled), cv2.COLOR_GRAY2RGB).astype(np.uint8)


def heat(plane: Array, top: float, size: tuple[int, int]) -> Picture:
    """Return a plane of values from 0 to `top` as colours from black over violet and orange to yellow.

    What is not finite is `UNKNOWN`, which none of these colours is: black would say 0.
    """
    share = _resized(np.isfinite(plane).astype(np.float32), size)
    known = share >= _MOSTLY
    values = np.asarray(_resized(plane, size) / np.where(known, share, 1), dtype=np.float32)
    levels = _bytes(values / max(top, 1e-6))
    picture = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB).astype(np.uint8)
    picture[~known] = UNKNOWN
    return picture


def outline(picture: Picture, mask: npt.NDArray[np.bool_], colour: Colour) -> None:
    """Draw, in place, the outline of a mask plane over its picture, with a dim rim that keeps it legible on white."""
    height, width = picture.shape[:2]
    smooth = _resized(mask.astype(np.float32), (width, height))
    found, _ = cv2.findContours((smooth > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    rim = np.zeros((height, width), dtype=np.uint8)
    cv2.drawContours(rim, found, -1, 255, 3)
    picture[rim > 0] = picture[rim > 0] // 5 * 2
    cv2.drawContours(picture, found, -1, colour, 1, cv2.LINE_AA)


def _resized(plane: Array, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    known = np.nan_to_num(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _bytes(share: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), dtype=np.uint8)
