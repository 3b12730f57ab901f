"""Contours of one region as items of ContourSequence."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.charset import default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from models.volumes import Grid
from pipelines.errors import UnfitObject
from pipelines.objects.contours import Contour, trace
from pipelines.objects.decimals import exact, text
from pipelines.objects.profiles import HoleStyle
from pipelines.objects.provenance import references

_CONTOUR_DATA = Tag(0x3006, 0x0050)
_HALF = Decimal("0.5")


def contour_sequence(
    name: str, mask: npt.NDArray[np.bool_], grid: Grid, images: Mapping[Decimal, Dataset], style: HoleStyle
) -> Sequence:
    """Return ContourSequence (PS3.3 C.8.8.6) of a mask.

    Items are CLOSED_PLANAR; of a mask with holes, in style XOR, all are CLOSEDPLANAR_XOR: a region mixes no types.

    Parameters
    ----------
    name
        Of the region, for errors.
    mask
        Array [k, j, i] on `grid`.
    grid
        Identity direction (LPS).
    images
        Image by the height of its plane, mm.
    style
        How holes are written.

    Raises
    ------
    UnfitObject
        ``object-contour-without-image`` when the mask has voxels on a plane that no image has.
    """
    k0, k1 = _span(mask, (1, 2))
    flat = np.asarray(mask[k0:k1].any(axis=0))
    (j0, j1), (i0, i1) = _span(flat, (1,)), _span(flat, (0,))
    x_edges = _edges(grid.origin[0], grid.spacing[0], i0, i1)
    y_edges = _edges(grid.origin[1], grid.spacing[1], j0, j1)
    items = []
    contours = list(trace(mask[k0:k1, j0:j1, i0:i1], keyholes=style is HoleStyle.KEYHOLE))
    kind = "CLOSEDPLANAR_XOR" if any(contour.hole for contour in contours) else "CLOSED_PLANAR"
    for number, contour in enumerate(contours, start=1):
        height = exact(grid.origin[2]) + (contour.k + k0) * exact(grid.spacing[2])
        image = images.get(height)
        if image is None:
            raise UnfitObject("object-contour-without-image", roi=name, position=text(height))
        items.append(_item(number, kind, contour, x_edges, y_edges, text(height).encode(), image))
    return Sequence(items)


def _span(mask: npt.NDArray[np.bool_], across: tuple[int, ...]) -> tuple[int, int]:
    """Return the first index that is occupied along the axis that is not in `across`, and one past the last."""
    places = np.flatnonzero(mask.any(axis=across))
    return int(places[0]), int(places[-1]) + 1


def _edges(origin: float, spacing: float, first: int, last: int) -> list[bytes]:
    """Return the coordinates of voxel edges `first` to `last` along one axis, as DS values."""
    step = exact(spacing)
    return [text((exact(origin) + (index - _HALF) * step).quantize(step)).encode() for index in range(first, last + 1)]


def _item(
    number: int, kind: str, contour: Contour, x_edges: list[bytes], y_edges: list[bytes], z: bytes, image: Dataset
) -> Dataset:
    item = Dataset()
    item.ContourNumber = number
    item.ContourImageSequence = references([image])
    item.ContourGeometricType = kind
    item.NumberOfContourPoints = len(contour.points)
    written = b"\\".join(b"%b\\%b\\%b" % (x_edges[x], y_edges[y], z) for x, y in contour.points.tolist())
    # As encoded bytes: a number object for each coordinate would take most of the time of the whole structure set.
    padded = written + b" " * (len(written) % 2)
    item[_CONTOUR_DATA] = RawDataElement(_CONTOUR_DATA, "DS", len(padded), padded, 0, True, True)
    # With the character set that a new item has, or writing would decode the numbers after all.
    item.set_original_encoding(True, True, default_encoding)
    return item
