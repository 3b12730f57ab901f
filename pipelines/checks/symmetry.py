"""How alike the left and the right of a body are, in the MR and in the synthetic CT made from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.checks.lattice import Floats, Lattice

_NARROWEST = 10
"""Rows of the body with fewer points say little about where its middle is."""

_HU = (-300.0, 1000.0)
_BRIGHTEST = 2.0
"""Beyond these, values would outweigh all else: teeth, air; fat and enhanced vessels."""


def mirror_correlations(of: Lattice) -> tuple[float, float]:
    """Return the correlation of the MR, and of the HU, with their image mirrored in the body's middle plane.

    0 where it cannot be measured: a body without a middle, or without any difference in it.
    """
    pairs = _mirrored_pairs(of)
    if pairs is None:
        return 0.0, 0.0
    return _correlation(np.clip(of.mr, 0.0, _BRIGHTEST), *pairs), _correlation(np.clip(of.hu, *_HU), *pairs)


Places = tuple[npt.NDArray[np.intp], ...]


def _mirrored_pairs(of: Lattice) -> tuple[Places, Places] | None:
    plane = _middle_plane(of)
    if plane is None:
        return None
    normal, offset = plane
    steps = np.array(of.spacing[::-1])
    places = np.stack(np.nonzero(of.body), axis=1)
    points = places * steps
    away = (points @ normal - offset) / (normal @ normal)
    mirror = np.rint((points - 2.0 * away[:, None] * normal) / steps).astype(np.intp)
    seen = np.all((mirror >= 0) & (mirror < of.body.shape), axis=1)
    seen[seen] = of.body[tuple(mirror[seen].T)]
    if not seen.any():
        return None
    return tuple(places[seen].T), tuple(mirror[seen].T)


def _middle_plane(of: Lattice) -> tuple[npt.NDArray[np.float64], float] | None:
    """Return the plane through the middles of the body's rows, as its normal (k, j, i; mm) and offset along it.

    Rows whose middle lies off the plane, by a nose or an ear in the field on one side only, are left out once.
    """
    k, j = np.nonzero(of.body.any(axis=2))
    first = of.body.argmax(axis=2)[k, j]
    last = of.body.shape[2] - 1 - of.body[:, :, ::-1].argmax(axis=2)[k, j]
    wide = last - first >= _NARROWEST
    if int(wide.sum()) < _NARROWEST:
        return None
    step_k, step_j, step_i = of.spacing[::-1]
    rows = np.stack([np.ones(int(wide.sum())), k[wide] * step_k, j[wide] * step_j], axis=1)
    middles = (first + last)[wide] / 2.0 * step_i
    fitted, *_ = np.linalg.lstsq(rows, middles, rcond=None)
    residue = np.abs(rows @ fitted - middles)
    near = residue <= 2.0 * float(np.median(residue)) + step_i
    (offset, along_k, along_j), *_ = np.linalg.lstsq(rows[near], middles[near], rcond=None)
    return np.array([-along_k, -along_j, 1.0]), float(offset)


def _correlation(values: Floats, here: Places, there: Places) -> float:
    one, other = values[here], values[there]
    if not (one.std() > 0 and other.std() > 0):
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
