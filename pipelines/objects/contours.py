"""Masks to closed planar contours that follow the voxels' edges exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_Point = tuple[int, int]
_Hanging = dict[int, list[tuple[int, int]]]
"""By the first corner of a vertical edge: heights where bridges leave it, each with the number of its hole."""


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """One closed contour on one slice.

    Attributes
    ----------
    k
        Slice index.
    points
        Vertices, array (n, 2) of (x, y) in voxel edges: x = 0 is the left edge of column 0 and x = 1 its right edge.
        The last vertex joins the first. Without the keyholes no three neighbours are collinear.
    hole
        Whether it goes around a hole, to be combined with the contour around it by exclusive or.
    """

    k: int
    points: Ints
    hole: bool = False


def trace(mask: npt.NDArray[np.bool_], keyholes: bool = True) -> Iterator[Contour]:
    """Yield the contours of a mask, slice by slice.

    Filling the contours of a slice by the even-odd rule gives back the mask exactly. Voxels that touch only by a
    corner belong to different contours.

    Parameters
    ----------
    mask
        Array [k, j, i].
    keyholes
        Whether a hole is joined to the outline around it by a bridge of no width instead of being a contour of its own:
        readers disagree on nested contours.

    Notes
    -----
    An outline of voxel edges turns only at lattice points where an odd number of the four voxels around are inside, or
    where two diagonal ones are. Sorted by rows, such corners pair up into the horizontal edges of the outlines, and
    sorted by columns into the vertical ones; following the pairs closes the loops. So no voxel is visited one by one.
    """
    corners = _corners(mask)
    if len(corners.k):
        bounds = np.flatnonzero(np.diff(corners.k)) + 1
        for start, stop in zip([0, *bounds], [*bounds, len(corners.k)], strict=True):
            yield from _slice_contours(corners, int(start), int(stop), keyholes)


@dataclass(frozen=True, slots=True, eq=False)
class _Corners:
    """Corners in row order (k, y, x), each with its neighbours along its horizontal and its vertical edge."""

    k: Ints
    y: Ints
    x: Ints
    begins_inside: Bools
    across: Ints
    along: Ints


@dataclass(frozen=True, slots=True, eq=False)
class _Slice:
    """The corners of one slice, counted from its first."""

    points: Ints
    begins_inside: Bools
    across: list[int]
    along: list[int]


def _corners(mask: Bools) -> _Corners:
    # The four voxels around each lattice point: above left, above right, below left, below right (y grows downwards).
    padded = np.pad(np.asarray(mask, dtype=np.uint8), ((0, 0), (1, 1), (1, 1)))
    around = (padded[:, :-1, :-1], padded[:, :-1, 1:], padded[:, 1:, :-1], padded[:, 1:, 1:])
    aside, below = around[0] ^ around[1], around[2] ^ around[3]
    # An odd number is inside, or two diagonal ones. Only such points, few of all, are looked at one by one.
    at = np.nonzero(((aside ^ below) | (aside & (around[0] ^ around[2]))).view(np.bool_))
    quadrants = sum(part[at] << place for place, part in enumerate(around))
    repeats = np.where((quadrants == 6) | (quadrants == 9), 2, 1)
    kinds = np.repeat(quadrants, repeats)
    k, y, x = (np.repeat(np.asarray(index, dtype=np.int64), repeats) for index in at)
    # At a double corner the first in row order ends the edge from the left, the second begins the one to the right.
    second = np.zeros(len(k), dtype=bool)
    second[1:] = (k[1:] == k[:-1]) & (y[1:] == y[:-1]) & (x[1:] == x[:-1])
    # In column order the one that turns upwards comes first: the left one when above left is inside (9), else (6) the
    # right one.
    columns = np.lexsort((np.where(kinds == 6, ~second, second), y, x, k))
    return _Corners(k, y, x, kinds & 8 != 0, across=_paired(np.arange(len(k))), along=_paired(columns))


def _paired(order: npt.NDArray[np.integer]) -> Ints:
    partner = np.empty(len(order), dtype=np.int64)
    partner[order[0::2]] = order[1::2]
    partner[order[1::2]] = order[0::2]
    return partner


def _slice_contours(corners: _Corners, start: int, stop: int, keyholes: bool) -> Iterator[Contour]:
    here = _Slice(
        points=np.column_stack([corners.x[start:stop], corners.y[start:stop]]),
        begins_inside=corners.begins_inside[start:stop],
        across=(corners.across[start:stop] - start).tolist(),
        along=(corners.along[start:stop] - start).tolist(),
    )
    loops = _loops(here)
    # A loop begins at its topmost left corner: below right of it is inside, unless it goes around a hole.
    outer = [loop for loop in loops if here.begins_inside[loop[0]]]
    holes = [loop for loop in loops if not here.begins_inside[loop[0]]]
    k = int(corners.k[start])
    if holes and keyholes:
        yield from (Contour(k, outline) for outline in _joined_by_keyholes(here, outer, holes))
        return
    yield from (Contour(k, here.points[loop]) for loop in outer)
    yield from (Contour(k, here.points[loop], hole=True) for loop in holes)


def _loops(here: _Slice) -> list[list[int]]:
    """Follow horizontal and vertical edges in turn, clockwise from each loop's first corner in row order."""
    across, along = here.across, here.along
    seen = bytearray(len(across))
    loops = []
    for first in range(len(across)):
        if seen[first]:
            continue
        loop: list[int] = []
        at = first
        while not seen[at]:
            right = across[at]
            seen[at] = seen[right] = 1
            loop += (at, right)
            at = along[right]
        loops.append(loop)
    return loops


def _joined_by_keyholes(here: _Slice, outer: list[list[int]], holes: list[list[int]]) -> Iterator[Ints]:
    """Join every hole to the outline that lies to the left of its first corner.

    That corner's row is inside on both sides until the outline, so the bridge crosses nothing. The outline belongs to
    an outer loop or to a hole that begins earlier in row order, so no circle of holes can arise.
    """
    tops = np.flatnonzero(np.arange(len(here.along)) < np.asarray(here.along))
    columns = here.points[tops, 0]
    upper, lower = here.points[tops, 1], here.points[np.asarray(here.along)[tops], 1]
    hanging: _Hanging = {}
    for number, hole in enumerate(holes):
        x, y = here.points[hole[0]]
        hit = np.flatnonzero((columns < x) & (upper <= y) & (lower >= y))
        edge = int(tops[hit[columns[hit].argmax()]])
        hanging.setdefault(edge, []).append((int(y), number))
    # Against the outer loops' sense, so that readers that fill by winding leave the holes open too.
    backwards = [[hole[0], *hole[:0:-1]] for hole in holes]
    points = here.points.tolist()
    for loop in outer:
        outline = np.array(_walked(_steps(here, points, loop, hanging), here, points, backwards, hanging))
        yield outline[(outline != np.roll(outline, 1, axis=0)).any(axis=1)]


def _walked(
    steps: Iterator[_Point | int], here: _Slice, points: list[list[int]], holes: list[list[int]], hanging: _Hanging
) -> list[_Point]:
    """Follow the steps of an outline into every hole that hangs on it, and into the holes that hang on those."""
    way: list[_Point] = []
    entered = [steps]
    while entered:
        for step in entered[-1]:
            if isinstance(step, int):
                entered.append(_steps(here, points, holes[step], hanging))
                break
            way.append(step)
        else:
            entered.pop()
    return way


def _steps(here: _Slice, points: list[list[int]], loop: list[int], hanging: _Hanging) -> Iterator[_Point | int]:
    """Yield the points of a closed loop, back to its first; between the two ends of a bridge, its hole's number."""
    for at, after in zip(loop, [*loop[1:], loop[0]], strict=True):
        x, y = points[at]
        yield x, y
        if here.along[at] == after:
            for bridge, number in sorted(hanging.get(min(at, after), ()), reverse=at > after):
                yield x, bridge
                yield number
                yield x, bridge
    x, y = points[loop[0]]
    yield x, y
