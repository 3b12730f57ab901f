"""The picture to judge a registration by: MR, CT before and after, chequers, edges; in the patient's axes."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import numpy.typing as npt
import SimpleITK
from PIL import Image, ImageDraw

from models.pairs.itk import resampled
from models.pairs.registration import Registration
from models.tissues import AIR_HU
from models.volumes import Grid, Volume

Plane = npt.NDArray[np.uint8]

_TILE = 220
_SAMPLES = 160
_TITLES = ("MR", "CT before", "CT registered", "MR and CT in squares", "CT's edges on MR")
_ROWS = ("axial", "coronal", "sagittal")
_SOFT = (-350.0, 650.0)
_EDGE_HU = (-350.0, 250.0)
_HEAD, _SIDE = 22, 70


def montage(mr: Volume, registration: Registration, title: str) -> bytes:
    """Return a PNG: a row for each plane through the middle of the body, a column for each view of the pair.

    Parameters
    ----------
    mr
        The MR that `registration` put the CT on.
    title
        Stands above the picture; a pseudonym.

    Notes
    -----
    Axial planes are seen from the feet, coronal ones from the front, sagittal ones from the left: the patient's left is
    on the right. The CT's edges are where it crosses -350 HU (skin) and 250 HU (bone).
    """
    grid = _upright(Volume(registration.mr_body, mr.grid))
    still = SimpleITK.Transform(3, SimpleITK.sitkIdentity)
    seen = resampled(mr, grid, still, 0.0).values
    before, after = (
        resampled(volume, grid, still, AIR_HU).values for volume in (registration.ct_before, registration.ct)
    )
    top = float(np.percentile(seen[seen > 0], 99)) if (seen > 0).any() else 1.0
    sheet = Image.new("RGB", (_SIDE + len(_TITLES) * _TILE, 2 * _HEAD + len(_ROWS) * _TILE), "black")
    pen = ImageDraw.Draw(sheet)
    pen.text((6, 4), f"{title}   Research use only. Not a medical device.", fill="white")
    for column, text in enumerate(_TITLES):
        pen.text((_SIDE + column * _TILE + 6, _HEAD + 4), text, fill="white")
    for row, text in enumerate(_ROWS):
        pen.text((6, 2 * _HEAD + row * _TILE + _TILE // 2), text, fill="white")
        views = _views(_plane(seen, row), _plane(before, row), _plane(after, row), top)
        for column, picture in enumerate(views):
            corner = (_SIDE + column * _TILE, 2 * _HEAD + row * _TILE)
            sheet.paste(Image.fromarray(picture).resize((_TILE, _TILE), Image.Resampling.BILINEAR), corner)
    out = BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


def _upright(body: Volume) -> Grid:
    """Return a cube along the patient's axes around the body's middle, a little larger than the body."""
    k, j, i = np.nonzero(body.values)
    points = (np.stack([i, j, k, np.ones_like(i)], axis=-1) @ body.grid.affine.T)[:, :3]
    low, high = points.min(axis=0), points.max(axis=0)
    step = float((high - low).max() + 30.0) / _SAMPLES
    x, y, z = (float(value) for value in (low + high) / 2 - step * (_SAMPLES - 1) / 2)
    return Grid((_SAMPLES, _SAMPLES, _SAMPLES), (step, step, step), (x, y, z))


def _plane(values: npt.NDArray[np.floating], row: int) -> npt.NDArray[np.floating]:
    middle = _SAMPLES // 2
    plane = (values[middle], values[::-1, middle], values[::-1, :, middle])[row]
    return np.ascontiguousarray(plane)


def _views(
    mr: npt.NDArray[np.floating], before: npt.NDArray[np.floating], after: npt.NDArray[np.floating], top: float
) -> list[Plane]:
    grey_mr = _grey(mr, 0.0, top)
    grey_before, grey_after = _grey(before, *_SOFT), _grey(after, *_SOFT)
    squares = np.add.outer(np.arange(_SAMPLES) // 20, np.arange(_SAMPLES) // 20) % 2 == 0
    mixed = np.where(squares[..., None], grey_mr, grey_after)
    edges = grey_mr.copy()
    for level, colour in zip(_EDGE_HU, ((90, 200, 255), (255, 190, 60)), strict=True):
        lines, _ = cv2.findContours((after > level).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(edges, lines, -1, colour, 1)
    return [grey_mr, grey_before, grey_after, mixed.astype(np.uint8), edges]


def _grey(plane: npt.NDArray[np.floating], low: float, high: float) -> Plane:
    scaled = np.clip((plane - low) / max(high - low, 1e-6), 0.0, 1.0) * 255
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=-1)
