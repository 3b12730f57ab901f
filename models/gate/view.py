"""How the gate's network looks at a volume: the top 24 cm of what is bright, 5 mm a voxel, in the patient's axes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from models.intensity import normalise, reference_intensity
from models.volumes import Grid, Volume

Floats = npt.NDArray[np.float32]

SIDE = 48
"""Voxels along each side of a view."""

STEP_MM = 5.0
"""Side of its voxels in mm."""

CHANNELS = 2
"""Normalised intensities, and which voxels the scanner saw."""

_BRIGHT = 0.25
"""Share of the reference intensity from which a voxel counts as body when the view is placed."""

_SAMPLES = 150_000
_MARGIN_MM = 15.0
_UPPER_MM = 180.0


def view_of(volume: Volume) -> Floats:
    """Return what the gate's network sees, shape (`CHANNELS`, `SIDE`, `SIDE`, `SIDE`), axes k, j, i along LPS.

    The view hangs from the top of the bright voxels and is centred on the upper 18 cm of them, so that neither a long
    neck nor a field off centre moves a head in it. Where a head's top is missing or elsewhere, that shows.

    Raises
    ------
    InputError
        If a value is not finite or all are the same.
    """
    coarse = _averaged(volume)
    reference = reference_intensity(coarse.values)
    values = normalise(coarse.values, reference)
    sampled, inside = _sampled(Volume(values, coarse.grid), _corner(Volume(values, coarse.grid)))
    seen = sampled[inside]
    if seen.size and float(seen.max()) > float(seen.min()):
        # Again on what is seen: a long field below must not set the scale of the head above it.
        sampled = normalise(sampled, reference_intensity(seen))
    return np.stack([sampled, inside.astype(np.float32)])


def _averaged(volume: Volume) -> Volume:
    """Return means over blocks of up to `STEP_MM`, which is what noise and thin slices become at that size."""
    grid = volume.grid
    steps = [max(1, min(int(STEP_MM / spacing), size)) for spacing, size in zip(grid.spacing, grid.size, strict=True)]
    values = volume.values.astype(np.float32, copy=False)
    # Slices first, and each axis by sums of strided planes: several times faster than one mean over three axes.
    for axis, step in zip((0, 1, 2), reversed(steps), strict=True):
        if step > 1:
            whole = values.shape[axis] // step * step
            parts = [values[(slice(None),) * axis + (slice(first, whole, step),)] for first in range(step)]
            total = parts[0].copy()
            for part in parts[1:]:
                total += part
            values = total / np.float32(step)
    k, j, i = values.shape
    spacing = tuple(one * step for one, step in zip(grid.spacing, steps, strict=True))
    origin = (grid.affine @ [*((step - 1) / 2 for step in steps), 1.0])[:3]
    return Volume(
        values,
        Grid(
            (i, j, k),
            (spacing[0], spacing[1], spacing[2]),
            (float(origin[0]), float(origin[1]), float(origin[2])),
            grid.direction,
        ),
    )


def _corner(volume: Volume) -> npt.NDArray[np.float64]:
    """Return the LPS position of the view's first voxel."""
    bright = np.flatnonzero(volume.values > _BRIGHT)
    bright = bright[:: max(1, bright.size // _SAMPLES)]
    k, j, i = np.unravel_index(bright, volume.values.shape)
    matrix = volume.grid.affine
    x, y, z = (matrix[axis, 0] * i + matrix[axis, 1] * j + matrix[axis, 2] * k + matrix[axis, 3] for axis in range(3))
    # Not the very ends: a few bright voxels of noise or of a fold-over must not carry the view away.
    top = float(np.quantile(z, 0.998))
    upper = z > top - _UPPER_MM
    reach = SIDE * STEP_MM
    middle = [float(np.mean(np.quantile(along[upper], (0.02, 0.98)))) for along in (x, y)]
    first = np.array([middle[0] - reach / 2, middle[1] - reach / 2, top + _MARGIN_MM - reach]) + STEP_MM / 2
    return first


def _sampled(volume: Volume, first: npt.NDArray[np.float64]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the volume on the view's voxels, trilinear, and which of them lie in its field; 0 outside."""
    target = np.eye(4)
    target[:3, :3] *= STEP_MM
    target[:3, 3] = first
    matrix = np.linalg.inv(volume.grid.affine) @ target
    ticks = np.arange(SIDE)
    size = np.array(volume.grid.size)
    unit = np.empty((SIDE, SIDE, SIDE, 3), np.float32)
    inside = np.ones((SIDE,) * 3, dtype=bool)
    for axis in range(3):
        at = (
            (matrix[axis, 2] * ticks)[:, None, None]
            + (matrix[axis, 1] * ticks)[None, :, None]
            + (matrix[axis, 0] * ticks)[None, None, :]
            + matrix[axis, 3]
        )
        inside &= (at >= -0.5) & (at <= size[axis] - 0.5)
        unit[..., axis] = (2 * at + 1) / size[axis] - 1
    values = torch.from_numpy(np.ascontiguousarray(volume.values, np.float32))
    found = functional.grid_sample(
        values[None, None], torch.from_numpy(unit)[None], mode="bilinear", padding_mode="border", align_corners=False
    )[0, 0].numpy()
    return np.where(inside, found, np.float32(0)).astype(np.float32), inside
