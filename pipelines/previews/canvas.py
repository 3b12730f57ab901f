"""A dark canvas with text and pictures on it; the same calls give the same bytes."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Picture = npt.NDArray[np.uint8]

BACKGROUND: Colour = (13, 16, 22)
TEXT: Colour = (232, 236, 241)
MUTED: Colour = (148, 158, 172)
MARK: Colour = (255, 184, 77)


@lru_cache(maxsize=32)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the typeface that matplotlib carries, so that pictures are alike on every machine."""
    spec = find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("matplotlib", name="matplotlib")
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / name), size)


class Canvas:
    """A picture under construction, in pixels from the upper left."""

    def __init__(self, width: int, height: int) -> None:
        self._image = Image.new("RGB", (width, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self,
        at: tuple[float, float],
        words: str,
        size: int,
        colour: Colour = TEXT,
        bold: bool = False,
        anchor: str = "la",
    ) -> None:
        """Write one line; `anchor` as Pillow has it (``la`` is left and ascender)."""
        self._draw.text(at, words, fill=colour, font=font(size, bold), anchor=anchor)

    def fitted(self, words: str, size: int, room: float, bold: bool = False) -> str:
        """Return a line, shortened with an ellipsis where it is wider than `room` pixels."""
        if self.width_of(words, size, bold) <= room:
            return words
        kept = next(
            (end for end in range(len(words), 0, -1) if self.width_of(words[:end] + "…", size, bold) <= room), 0
        )
        return words[:kept].rstrip() + "…"

    def width_of(self, words: str, size: int, bold: bool = False) -> float:
        """Return the width of a line in pixels."""
        return float(font(size, bold).getlength(words))

    def paste(self, at: tuple[int, int], picture: Picture) -> None:
        """Put an RGB picture, array (rows, columns, 3), with its upper left corner at a place."""
        self._image.paste(Image.fromarray(picture), at)

    def box(self, corners: tuple[float, float, float, float], colour: Colour, radius: int = 0) -> None:
        """Fill a rectangle, with round corners where `radius` is given."""
        self._draw.rounded_rectangle(corners, radius=radius, fill=colour)

    def outlined(
        self, at: tuple[float, float], words: str, size: int, colour: Colour, anchor: str, bold: bool = False
    ) -> None:
        """Write a line that stays legible on a picture, black or white, below it."""
        self._draw.text(
            at, words, fill=colour, font=font(size, bold), anchor=anchor, stroke_width=2, stroke_fill=(0, 0, 0)
        )

    def png(self) -> bytes:
        """Return the picture as PNG without any time or program name in it."""
        buffer = BytesIO()
        self._image.save(buffer, format="PNG", compress_level=6)
        return buffer.getvalue()


def decode_png(png: bytes) -> Picture:
    """Return a PNG as an array (rows, columns, 3)."""
    with Image.open(BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
