"""The mean CT of a site's patients: what one would say of a patient without looking at the MR."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.tissues import AIR_HU
from models.training.data.patches import WorkingCase
from models.training.finetune.working_pairs import TARGET
from models.volumes import Grid, Triple, Volume


def mean_ct(pairs: Sequence[WorkingCase], voxel_mm: Triple) -> Volume:
    """Return the mean CT of `pairs` in HU, their masks' bounding boxes centred on each other, air outside the masks."""
    parts = []
    for pair in pairs:
        low, high = pair.centres.amin(dim=0).tolist(), (pair.centres.amax(dim=0) + 1).tolist()
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        hu = pair.images[TARGET][box].float().numpy()
        parts.append(np.where(pair.mask[box].numpy(), hu, np.float32(AIR_HU)))
    shape = tuple(max(part.shape[axis] for part in parts) for axis in range(3))
    total = np.zeros(shape, np.float64)
    for part in parts:
        start = [(whole - own) // 2 for whole, own in zip(shape, part.shape, strict=True)]
        canvas = np.full(shape, AIR_HU, np.float32)
        canvas[tuple(slice(a, a + own) for a, own in zip(start, part.shape, strict=True))] = part
        total += canvas
    k, j, i = shape
    return Volume((total / len(parts)).astype(np.float32), Grid((i, j, k), voxel_mm, (0.0, 0.0, 0.0)))
