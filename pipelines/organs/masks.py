"""From a model's labels to the masks that are contoured: one piece, without holes, on the slices of the CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage

from models.inference.resampling import resampled
from models.volumes import Grid, Volume
from pipelines.organs.names import Organ

_SMOOTHING_VOXELS = 0.6
"""Of the model's voxels, which are coarser than the CT's: without it the steps between them would be contoured."""

_TOUCHING = ndimage.generate_binary_structure(3, 3)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FoundOrgan:
    """One organ as it was found.

    Attributes
    ----------
    organ
        What it is.
    mask
        Boolean array [k, j, i] on the CT's grid.
    ml
        Its volume in ml.
    largest_piece
        Share of the model's voxels of it that hang together in the piece that was kept, 0 to 1.
    confidence
        Mean share that the network gave to it within that piece, 0 to 1; not calibrated.
    cut
        Whether it reaches the CT's first or last slice.
    """

    organ: Organ
    mask: Mask
    ml: float
    largest_piece: float
    confidence: float
    cut: bool


def find_organs(
    labels: Volume, confidence: Volume, values: Mapping[str, int], organs: Sequence[Organ], ct: Grid
) -> tuple[FoundOrgan, ...]:
    """Return the organs that the model found, in the order of `organs`.

    Parameters
    ----------
    labels, confidence
        The model's answer and how sure it was, on its own grid.
    values
        The value of each organ's label by its name.
    organs
        Those that are contoured; one that the model does not know, or did not find, is absent from the answer.
    ct
        The grid of the CT, identity direction.

    Notes
    -----
    The largest piece of each label is kept and its holes are filled; it is smoothed by less than a voxel of the model,
    brought onto the CT by linear interpolation and cut at one half. Where two meet, the nearer one has the voxel.
    """
    pieces = {
        organ.name: _largest_piece(labels.values == values[organ.name]) for organ in organs if organ.name in values
    }
    shares = {
        name: _on(ct, Volume(ndimage.gaussian_filter(piece.astype(np.float32), _SMOOTHING_VOXELS), labels.grid))
        for name, (piece, _) in pieces.items()
        if piece.any()
    }
    best = np.zeros(ct.shape, np.float32)
    for share in shares.values():
        np.maximum(best, share, out=best)
    found = []
    for organ in organs:
        if organ.name not in shares:
            continue
        share = shares[organ.name]
        mask = (share > 0.5) & (share >= best)
        if not mask.any():
            continue
        piece, of_all = pieces[organ.name]
        found.append(
            FoundOrgan(
                organ,
                mask,
                ml=float(mask.sum() * np.prod(ct.spacing) / 1000.0),
                largest_piece=of_all,
                confidence=float(confidence.values[piece & (labels.values == values[organ.name])].mean()),
                cut=bool(mask[0].any() or mask[-1].any()),
            )
        )
    return tuple(found)


def _largest_piece(mask: Mask) -> tuple[Mask, float]:
    """Return the largest piece without holes, and its share of `mask`."""
    pieces, count = ndimage.label(mask, _TOUCHING)
    if not count:
        return mask, 0.0
    sizes = np.bincount(pieces.ravel())[1:]
    largest = pieces == int(sizes.argmax()) + 1
    filled: Mask = ndimage.binary_fill_holes(largest)
    return filled, float(sizes.max() / sizes.sum())


def _on(target: Grid, volume: Volume) -> npt.NDArray[np.float32]:
    values, _ = resampled(volume, target, torch.device("cpu"), 0.0)
    on_target: npt.NDArray[np.float32] = values.numpy()
    return on_target
