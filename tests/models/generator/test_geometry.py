"""Space is bent, never folded, and goes where it was told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from models.generator.geometry import displacements, draw_placement, positions

CPU = torch.device("cpu")


@pytest.mark.parametrize("seed", range(8))
def test_space_never_folds(plan: Any, seed: int) -> None:
    # Twelve times the recipe's strength: velocities that are added instead of integrated fold with each of these seeds.
    strong = plan.geometry.model_copy(update={"coarse_velocity_mm": 60.0, "fine_velocity_mm": 15.0})
    placement = draw_placement(np.random.default_rng(seed), strong, (150, 150, 150), 1.0, 120.0)
    moved = displacements([placement], CPU)[0]
    step = placement.patch_mm / (moved.shape[-1] - 1)
    still = torch.stack(torch.meshgrid(*[torch.arange(moved.shape[-1]) * step] * 3, indexing="ij"))
    corners = (moved + still)[:, :-1, :-1, :-1]
    sides = [torch.diff(moved + still, dim=axis)[:, :20, :20, :20] for axis in (1, 2, 3)]
    jacobian = torch.linalg.det(torch.stack(sides, dim=-1).permute(1, 2, 3, 0, 4)) / step**3
    assert corners.shape[1:] == jacobian.shape
    assert jacobian.min() > 0
    assert moved.abs().max() > 1.0


def test_a_patch_lies_where_its_placement_says(plan: Any) -> None:
    placement = draw_placement(np.random.default_rng(0), plan.geometry, (80, 90, 100), 2.0, 60.0)
    stiff = replace(placement, coarse=0 * placement.coarse, fine=0 * placement.fine)
    at = positions([stiff], [2.0], 31, CPU)[0].numpy()
    np.testing.assert_allclose(at[:, 15, 15, 15], stiff.centre, atol=1e-3)
    corner = stiff.centre + stiff.matrix @ np.array([-30.0, -30.0, 30.0]) / 2.0
    np.testing.assert_allclose(at[:, 0, 0, -1], corner, atol=1e-3)


def test_patches_look_into_the_body(plan: Any) -> None:
    centres = [
        draw_placement(np.random.default_rng(n), plan.geometry, (80, 90, 100), 2.0, 60.0).centre for n in range(50)
    ]
    assert np.min(centres) > 5
    assert (np.max(centres, axis=0) < (75, 85, 95)).all()
    assert np.std(centres, axis=0).min() > 5
