"""Surface Dice as the literature has it: each piece of surface counts by its area (Nikolov et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import find_objects

from models.errors import InputError
from models.volumes import Array


def surface_dice_subvoxel(
    truth: Array, prediction: Array, spacing: Sequence[float], tolerance_mm: float
) -> float | None:
    """Return the share of the area of both surfaces that lies within `tolerance_mm` of the other, 0 to 1.

    MONAI's sub-voxel form, which is that of DeepMind's `surface-distance`: the surface runs between voxels, and what it
    has of area around each corner follows from the eight voxels that meet there.

    Parameters
    ----------
    truth, prediction
        Masks of one shape, indexed ``[k, j, i]``.
    spacing
        Millimetres between voxel centres along k, j, i.

    Returns
    -------
    None where neither mask has a voxel, 0 where one of them has none.

    Raises
    ------
    InputError
        If MONAI is not installed (``monai-missing``).
    """
    one, other = truth.astype(bool), prediction.astype(bool)
    if not (one.any() and other.any()):
        return 0.0 if one.any() or other.any() else None
    try:
        # Seconds of work, which only an evaluation has to do.
        from monai.metrics.surface_dice import compute_surface_dice
    except ImportError as why:
        raise InputError("monai-missing", figure="surface_dice_subvoxel") from why
    import torch

    box = find_objects((one | other).astype(np.int8))[0]
    # One voxel of air around, so that a mask that touches the image's face has its surface there.
    true, ours = (torch.from_numpy(np.pad(mask[box], 1))[None, None] for mask in (one, other))
    found = compute_surface_dice(
        ours, true, [tolerance_mm], include_background=True, spacing=tuple(spacing), use_subvoxels=True
    )
    return float(found[0, 0])
