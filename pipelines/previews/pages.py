"""Pages of a PDF under construction: lines of text, pictures and charts that flow from the top to the bottom."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

from matplotlib import get_data_path
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from pipelines.previews.canvas import Picture, font

_WIDTH, _HEIGHT = 595.0, 842.0
_MARGIN = 42.0
_TOP, _BOTTOM = 70.0, 44.0
_LEADING = 1.38
_MEASURED_AT = 100
_INK, _SOFT, _MARK, _RULE = "#1a2230", "#5b6675", "#b45f06", "#c9d0d9"


class Pages:
    """A4 pages, each with the same head and foot; the same calls give the same bytes.

    Parameters
    ----------
    head
        What every page says at its top, e.g. whose report it is.
    mark
        What every page is marked with, at its top and foot.
    """

    def __init__(self, head: str, mark: str) -> None:
        self._head = head
        self._mark = mark
        self._pages: list[Figure] = []
        self._y = _HEIGHT

    def heading(self, words: str) -> None:
        """Begin a section; it stays with what follows it."""
        self._need(70)
        self._y += 10
        self._write(_MARGIN, words, 11.5, bold=True)
        self._y += 11.5 * _LEADING + 2

    def line(self, words: str, size: float = 9, *, bold: bool = False, indent: float = 0, colour: str = _INK) -> None:
        """Write a paragraph, broken where it is wider than the page."""
        for part in _wrapped(words, size, _WIDTH - 2 * _MARGIN - indent, bold):
            self._need(size * _LEADING)
            self._write(_MARGIN + indent, part, size, bold=bold, colour=colour)
            self._y += size * _LEADING

    def pair(self, label: str, value: str, width: float = 130) -> None:
        """Write a label and what it is beside it."""
        self._need(9 * _LEADING)
        self._write(_MARGIN, label, 9, colour=_SOFT)
        for part in _wrapped(value, 9, _WIDTH - 2 * _MARGIN - width, False) or [""]:
            self._need(9 * _LEADING)
            self._write(_MARGIN + width, part, 9)
            self._y += 9 * _LEADING

    def row(self, cells: tuple[str, ...], lefts: tuple[float, ...], *, bold: bool = False) -> None:
        """Write cells of a table at distances from the left margin; the last one is broken where it is too wide."""
        *short, last = cells
        parts = _wrapped(last, 8.5, _WIDTH - 2 * _MARGIN - lefts[-1], bold) or [""]
        self._need(8.5 * _LEADING * min(len(parts), 4))
        for cell, left in zip(short, lefts, strict=False):
            self._write(_MARGIN + left, cell, 8.5, bold=bold)
        self.line(last, 8.5, bold=bold, indent=lefts[-1])

    def picture(self, picture: Picture, tallest: float) -> None:
        """Show a picture over the whole width, or as tall as `tallest` points."""
        rows, columns = picture.shape[:2]
        width = min(_WIDTH - 2 * _MARGIN, tallest * columns / rows)
        height = width * rows / columns
        axes = self._axes((_WIDTH - width) / 2, width, height)
        axes.imshow(picture, interpolation="none", aspect="auto")
        axes.set_axis_off()

    def chart(self, height: float) -> Axes:
        """Return axes over the whole width, with room for their labels below."""
        axes = self._axes(_MARGIN + 34, _WIDTH - 2 * _MARGIN - 40, height)
        self._y += 34
        axes.tick_params(labelsize=8, colors=_SOFT)
        for name in ("top", "right"):
            axes.spines[name].set_visible(False)
        return axes

    def pdf(self) -> bytes:
        """Return the file, without any time in it."""
        buffer = BytesIO()
        metadata = {"Creator": "synthnode", "Producer": "synthnode", "CreationDate": None}
        with PdfPages(buffer, metadata=metadata) as pages:
            for number, page in enumerate(self._pages, start=1):
                self._put(page, _WIDTH - _MARGIN, _HEIGHT - 34, f"{number} of {len(self._pages)}", 8, _SOFT, right=True)
                pages.savefig(page)
        return buffer.getvalue()

    def _need(self, height: float) -> None:
        """Go on with a new page where the current one has no room of `height` points."""
        if self._y + height <= _HEIGHT - _BOTTOM:
            return
        page = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72))
        self._pages.append(page)
        self._put(page, _MARGIN, 26, self._mark, 9, _MARK, bold=True)
        self._put(page, _MARGIN, 42, _fitted(self._head, 8.5, _WIDTH - 2 * _MARGIN), 8.5, _INK)
        self._put(page, _MARGIN, _HEIGHT - 34, self._mark, 8, _MARK)
        self._y = _TOP

    def _axes(self, left: float, width: float, height: float) -> Axes:
        self._need(height + 8)
        bottom = _HEIGHT - self._y - height
        axes = self._pages[-1].add_axes((left / _WIDTH, bottom / _HEIGHT, width / _WIDTH, height / _HEIGHT))
        self._y += height + 8
        return axes

    def _write(self, left: float, words: str, size: float, *, bold: bool = False, colour: str = _INK) -> None:
        self._put(self._pages[-1], left, self._y, words, size, colour, bold=bold)

    @staticmethod
    def _put(
        page: Figure, left: float, top: float, words: str, size: float, colour: str, *, bold: bool = False,
        right: bool = False,
    ) -> None:  # fmt: skip
        page.text(
            left / _WIDTH,
            1 - top / _HEIGHT,
            _legible(words),
            fontsize=size,
            color=colour,
            fontfamily="DejaVu Sans",
            fontweight="bold" if bold else "normal",
            va="top",
            ha="right" if right else "left",
            parse_math=False,  # a dollar in a description is no formula
        )


def _wrapped(words: str, size: float, room: float, bold: bool) -> list[str]:
    """Return the lines of a paragraph; a word that is wider than the line is broken."""
    lines: list[str] = []
    current = ""
    for word in _legible(words).split():
        joined = f"{current} {word}" if current else word
        if _width(joined, size, bold) <= room:
            current = joined
            continue
        if current:
            lines.append(current)
        while _width(word, size, bold) > room:
            kept = next(end for end in range(len(word), 0, -1) if end == 1 or _width(word[:end], size, bold) <= room)
            lines.append(word[:kept])
            word = word[kept:]
        current = word
    return [*lines, current] if current else lines


def _fitted(words: str, size: float, room: float) -> str:
    lines = _wrapped(words, size, room, False)
    return lines[0] + " …" if len(lines) > 1 else "".join(lines)


def _width(words: str, size: float, bold: bool) -> float:
    return float(font(_MEASURED_AT, bold).getlength(words)) * size / _MEASURED_AT


def _legible(words: str) -> str:
    """Return `words` with signs that the typeface lacks as the replacement sign: an empty box would say nothing."""
    return "".join(sign if ord(sign) in _signs() else "\N{REPLACEMENT CHARACTER}" for sign in words)


@lru_cache(maxsize=1)
def _signs() -> frozenset[int]:
    return frozenset(FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")).get_charmap())
