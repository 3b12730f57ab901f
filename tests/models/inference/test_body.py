"""The body is found through noise, and specks are none."""

from __future__ import annotations

import numpy as np
import torch

from models.inference.body import body_cells, cell_side


def test_noise_is_no_body_and_the_body_in_it_is_found() -> None:
    rng = np.random.default_rng(2)
    sigma = 1 / 20
    image = np.hypot(rng.normal(0, sigma, (64, 64, 60)), rng.normal(0, sigma, (64, 64, 60)))
    image[16:40, 24:50, 8:30] += 0.6
    cells = body_cells(torch.from_numpy(image > 0.12), 8)
    expected = np.zeros((8, 8, 8), bool)
    expected[2:5, 3:7, 1:4] = True
    assert np.array_equal(cells, expected)


def test_a_cut_cell_counts_its_own_voxels() -> None:
    bright = torch.zeros(9, 8, 8, dtype=torch.bool)
    bright[8] = True
    assert body_cells(bright, 8).tolist() == [[[False]], [[True]]]


def test_cells_are_small_beside_a_tile() -> None:
    assert [cell_side((side,) * 3) for side in (16, 48, 80, 160)] == [2, 4, 8, 8]
