"""The montage: source and synthetic image, and uncertainty, in three planes, with contours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.volumes import Grid, Volume
from pipelines.objects.provenance import DISCLAIMER
from pipelines.objects.rtstruct import Roi
from pipelines.previews.canvas import BACKGROUND, MARK, MUTED, TEXT, Canvas, Picture
from pipelines.previews.planes import Cut, View, view_of
from pipelines.previews.shades import BONE, SOFT_TISSUE, Window, grey, heat, outline, percentile, window_of

_SIDE = 380
_GAP = 10
_MARGIN = 28
_HEADER = 104
_CAPTION = 50
_FOOTER = 66
_GREY = " Grey in the uncertainty: air by rule, of which the network says nothing."


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its heading, what its values mean, how a plane is drawn, and what is said on every picture."""

    heading: str
    scale: str
    draw: Callable[[Cut, tuple[int, int]], Picture]
    outlined: bool
    synthetic: bool


def montage(
    resampled: Volume,
    hu: Volume,
    rois: Sequence[Roi],
    uncertainty: Volume | None,
    title: str,
    subtitle: str = "",
    worth: str = "uncalibrated",
) -> bytes:
    """Return the montage as PNG; the same arguments give the same bytes.

    Parameters
    ----------
    resampled
        The source MR on the grid of `hu`, any units.
    hu
        The synthetic CT, HU, on an axial grid (directions identity in LPS).
    rois
        Regions drawn as outlines; the planes go through the middle of the one of type EXTERNAL.
    uncertainty
        Laplace scale in HU on the same grid, NaN where nothing is said; or None.
    title, subtitle
        What it shows, without patient data, e.g. the model and the source series.
    worth
        What the uncertainty is worth, in a few words.

    Raises
    ------
    ValueError
        If the volumes do not share one grid shape.

    Notes
    -----
    Pictures are radiological: the patient's right is at the left.
    """
    grid = hu.grid
    for volume in (resampled, uncertainty):
        if volume is not None and volume.grid.shape != grid.shape:
            raise ValueError(f"a volume has shape {volume.grid.shape}, the synthetic CT {grid.shape}")
    columns = _columns(resampled, hu, uncertainty, worth)
    return _composed(columns, rois, _body(rois, grid), grid, title, subtitle, "" if uncertainty is None else _GREY)


def montage_of_mr(ct: Volume, signal: Volume, rois: Sequence[Roi], title: str, subtitle: str = "") -> bytes:
    """Return the montage of a CT and the synthetic MR made from it as PNG; the same arguments give the same bytes.

    Parameters
    ----------
    ct, signal
        HU, and signal in arbitrary units, on one axial grid.
    rois, title, subtitle
        As for `montage`.

    Raises
    ------
    ValueError
        If the volumes do not share one grid shape.
    """
    if ct.grid.shape != signal.grid.shape:
        raise ValueError(f"the CT has shape {ct.grid.shape}, the synthetic MR {signal.grid.shape}")
    columns = [
        _Column("CT, soft tissue", f"window {SOFT_TISSUE}", _greys(ct, SOFT_TISSUE), True, False),
        _Column("CT, bone", f"window {BONE}", _greys(ct, BONE), False, False),
        _Column("Synthetic MR", "arbitrary units", _greys(signal, window_of(signal.values)), True, True),
    ]
    return _composed(columns, rois, _body(rois, signal.grid), signal.grid, title, subtitle, "")


def montage_of_contours(ct: Volume, rois: Sequence[Roi], title: str, subtitle: str = "") -> bytes:
    """Return the montage of a CT and a network's contours on it as PNG; the same arguments give the same bytes.

    Parameters
    ----------
    ct
        HU, on an axial grid.
    rois, title, subtitle
        As for `montage`; the planes go through the middle of the organs.
    """
    columns = [
        _Column("CT, soft tissue", f"window {SOFT_TISSUE}", _greys(ct, SOFT_TISSUE), False, False),
        _Column("Contours by a network", f"window {SOFT_TISSUE}", _greys(ct, SOFT_TISSUE), True, True),
        _Column("Contours by a network", f"window {BONE}", _greys(ct, BONE), True, True),
    ]
    organs = [roi.mask for roi in rois if roi.interpreted_type != "EXTERNAL"]
    middle = np.logical_or.reduce(organs) if organs else _body(rois, ct.grid)
    return _composed(columns, rois, middle, ct.grid, title, subtitle, "")


def _composed(
    columns: Sequence[_Column],
    rois: Sequence[Roi],
    middle: npt.NDArray[np.bool_],
    grid: Grid,
    title: str,
    subtitle: str,
    remark: str,
) -> bytes:
    view = view_of(middle, grid)
    width = 2 * _MARGIN + len(columns) * _SIDE + (len(columns) - 1) * _GAP
    height = _HEADER + _CAPTION + len(view.cuts) * (_SIDE + _GAP) + _FOOTER
    canvas = Canvas(width, height)
    _header(canvas, width, title, subtitle)
    for number, column in enumerate(columns):
        left = _MARGIN + number * (_SIDE + _GAP)
        canvas.text((left + 2, _HEADER + 2), column.heading, 17, bold=True)
        canvas.text((left + 2, _HEADER + 25), column.scale, 13, MUTED)
        for row, cut in enumerate(view.cuts):
            _panel(canvas, (left, _HEADER + _CAPTION + row * (_SIDE + _GAP)), column, cut, view, rois, grid)
    _footer(canvas, height - _FOOTER + 4, rois, remark)
    return canvas.png()


def _body(rois: Sequence[Roi], grid: Grid) -> npt.NDArray[np.bool_]:
    external = [roi.mask for roi in rois if roi.interpreted_type == "EXTERNAL"]
    return external[0] if external else np.ones(grid.shape, dtype=bool)


def _columns(resampled: Volume, hu: Volume, uncertainty: Volume | None, worth: str) -> Sequence[_Column]:
    mr = window_of(resampled.values)
    columns = [
        _Column("MR, resampled", "arbitrary units", _greys(resampled, mr), True, False),
        _Column("Synthetic CT, soft tissue", f"window {SOFT_TISSUE}", _greys(hu, SOFT_TISSUE), True, True),
        _Column("Synthetic CT, bone", f"window {BONE}", _greys(hu, BONE), False, True),
    ]
    if uncertainty is not None:
        values = uncertainty.values
        top = max(1.0, percentile(values, 99.8))

        def draw(cut: Cut, size: tuple[int, int]) -> Picture:
            return heat(cut.of(values), top, size)

        columns.append(_Column("Uncertainty (Laplace scale)", f"0 to {top:.0f} HU; {worth}", draw, False, True))
    return columns


def _greys(volume: Volume, window: Window) -> Callable[[Cut, tuple[int, int]], Picture]:
    def draw(cut: Cut, size: tuple[int, int]) -> Picture:
        return grey(cut.of(volume.values), window, size)

    return draw


def _header(canvas: Canvas, width: int, title: str, subtitle: str) -> None:
    badge = canvas.width_of("SYNTHETIC", 18, bold=True)
    canvas.box((_MARGIN, 28, _MARGIN + badge + 26, 60), MARK, radius=7)
    canvas.text((_MARGIN + 13, 44), "SYNTHETIC", 18, BACKGROUND, bold=True, anchor="lm")
    begin, end = _MARGIN + badge + 44, width - _MARGIN - canvas.width_of(DISCLAIMER, 15, bold=True) - 24
    canvas.text((begin, 44), canvas.fitted(title, 22, end - begin, bold=True), 22, bold=True, anchor="lm")
    canvas.text((_MARGIN + 2, 80), canvas.fitted(subtitle, 14, width - 2 * _MARGIN), 14, MUTED, anchor="lm")
    canvas.text((width - _MARGIN, 44), DISCLAIMER, 15, MARK, bold=True, anchor="rm")


def _panel(
    canvas: Canvas,
    corner: tuple[int, int],
    column: _Column,
    cut: Cut,
    view: View,
    rois: Sequence[Roi],
    grid: Grid,
) -> None:
    left, top = corner
    scale = _SIDE / view.side_mm
    across, down = cut.pixel_mm(grid)
    rows, columns = cut.of(np.broadcast_to(0, grid.shape)).shape
    size = (max(1, round(columns * across * scale)), max(1, round(rows * down * scale)))
    picture = column.draw(cut, size)
    if column.outlined:
        for roi in rois:
            outline(picture, cut.of(roi.mask), roi.colour)
    canvas.paste(corner, _centred(picture, view.centre_in(cut, grid)))
    _letters(canvas, corner, cut)
    canvas.outlined((left + 8, top + _SIDE - 8), f"{cut.name}  {cut.position_mm:+.1f} mm", 12, TEXT, "ls")
    if column.synthetic:
        canvas.outlined((left + _SIDE - 8, top + 8), "SYNTHETIC", 12, MARK, "ra", bold=True)
    _ruler(canvas, (left + _SIDE - 10, top + _SIDE - 12), 50 * scale)


def _centred(picture: Picture, centre: tuple[float, float]) -> Picture:
    """Return the square of a picture around its point `centre` (shares of width and height), black beyond it."""
    height, width = picture.shape[:2]
    panel = np.zeros((_SIDE, _SIDE, 3), dtype=np.uint8)
    x, y = round(centre[0] * width) - _SIDE // 2, round(centre[1] * height) - _SIDE // 2
    seen = picture[max(y, 0) : max(y + _SIDE, 0), max(x, 0) : max(x + _SIDE, 0)]
    row, column = max(-y, 0), max(-x, 0)
    panel[row : row + seen.shape[0], column : column + seen.shape[1]] = seen
    return panel


def _letters(canvas: Canvas, corner: tuple[int, int], cut: Cut) -> None:
    left, top = corner
    middle, end = _SIDE / 2, _SIDE - 8
    for letter, place, anchor in zip(
        cut.letters, ((8, middle), (end, middle), (middle, 8), (middle, end)), ("lm", "rm", "ma", "ms"), strict=True
    ):
        canvas.outlined((left + place[0], top + place[1]), letter, 14, TEXT, anchor, bold=True)


def _ruler(canvas: Canvas, end: tuple[float, float], length: float) -> None:
    x, y = end
    canvas.box((x - length, y, x, y + 2), TEXT)
    canvas.outlined((x - length / 2, y - 4), "50 mm", 11, TEXT, "ms")


def _footer(canvas: Canvas, top: float, rois: Sequence[Roi], remark: str) -> None:
    left = float(_MARGIN)
    for roi in rois:
        canvas.box((left, top + 12, left + 22, top + 18), roi.colour, radius=3)
        canvas.text((left + 30, top + 15), roi.name, 14, anchor="lm")
        left += 30 + canvas.width_of(roi.name, 14) + 28
    remarks = f"The patient's right is at the left of the picture.{remark}"
    canvas.text((left + 8, top + 15), remarks, 14, MUTED, anchor="lm")
