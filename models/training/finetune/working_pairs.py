"""A site's pairs on the working grid of the package that is to learn from them, by the same steps as in use."""

from __future__ import annotations

import numpy as np
import torch

from models.errors import InputError
from models.inference.inputs import match_inputs, prepare
from models.inference.resampling import resampled
from models.inference.working_grid import axial_grid
from models.packages import Card
from models.reports.cases import Case
from models.training.data.patches import WorkingCase, working_case
from models.volumes import Volume

TARGET = "ct"
"""Name of the true CT among a case's images."""


def working_pair(case: Case, card: Card) -> WorkingCase:
    """Bring a pair to the card's working grid by the same steps as in use; it counts inside the body mask alone.

    Raises
    ------
    InputError
        If an image cannot be used, or no body is left on the grid.
    """
    device, tile = torch.device("cpu"), card.network.tile_shape
    target = axial_grid(case.grid, card.output.voxel_mm)
    field = prepare(match_inputs(case.inputs, card.inputs), card.inputs, target, tile, device)
    ct = torch.full(field.shape, card.output.outside)
    mask = torch.zeros(field.shape, dtype=torch.bool)
    ct[field.inside], _ = resampled(Volume(case.truth, case.grid), target, device, card.output.outside)
    body, _ = resampled(Volume(case.body.astype(np.float32), case.grid), target, device, 0.0)
    mask[field.inside] = body > 0.5
    mask &= field.field
    if not mask.any():
        raise InputError("body-empty", patient=case.patient, accepted="a mask that the MR's field reaches")
    k, j, i = field.shape
    seen = field.images((slice(0, k), slice(0, j), slice(0, i)))
    inputs = dict(zip((one.name for one in card.inputs), seen, strict=True))
    outside = {**dict.fromkeys(inputs, 0.0), TARGET: card.output.outside}
    return working_case(case.case, {**inputs, TARGET: ct}, outside, mask, tile, varied=frozenset(inputs))
