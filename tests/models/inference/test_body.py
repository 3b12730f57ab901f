"""The body is found through noise, and specks are none."""

from __future__ import annotations

import numpy as np
import torch

from models.inference.body import body_cells, cell_side


def test_noise_is_no_body_and_the_body_in_it_is_found() -> None:
    rng = np.random.default_rng(2)
    sigma = 1 / 25
    image = np.hypot(rng.normal(0, sigma, (64, 64, 60)), rng.normal(0, sigma, (64, 64, 60)))
    image[16:40, 24:50, 8:29] += 0.6
    cells = body_cells(torch.from_numpy(image > 0.12), 4)
    expected = np.zeros((16, 16, 15), bool)
    expected[4:10, 6:13, 2:8] = True  # the last of them a quarter full
    assert cells[4:10, 6:12, 2:8].all()
    assert not cells[~expected].any()


def test_a_cut_cell_counts_its_own_voxels() -> None:
    bright = torch.zeros(9, 8, 8, dtype=torch.bool)
    bright[8] = True
    assert body_cells(bright, 8).tolist() == [[[False]], [[True]]]


def test_cells_are_small_beside_a_tile() -> None:
    assert [cell_side((side,) * 3) for side in (16, 64, 80, 160)] == [2, 3, 4, 4]
