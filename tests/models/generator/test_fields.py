"""Operators keep what they must, act along their own axis, and fields are smooth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.generator.fields import (
    along_axes,
    draw_field,
    echo_matrix,
    linear_matrix,
    slice_matrix,
    smooth_fields,
    spread_matrix,
    truncation_matrix,
)

CPU = torch.device("cpu")


@settings(max_examples=25, deadline=None)
@given(
    points=st.integers(2, 60),
    nodes=st.integers(2, 12),
    sigma=st.floats(0.0, 4.0),
    step=st.floats(1.0, 4.0),
    kept=st.floats(0.5, 1.0),
)
def test_operators_keep_constants(points: int, nodes: int, sigma: float, step: float, kept: float) -> None:
    for matrix in (
        spread_matrix(points, nodes),
        linear_matrix(points, nodes),
        slice_matrix(points, sigma, step),
        truncation_matrix(points, kept),
    ):
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-4)


def test_operators_act_along_their_own_axis_and_patch() -> None:
    rng = np.random.default_rng(0)
    values = rng.random((2, 3, 4, 5)).astype(np.float32)
    matrices = [rng.random((2, n + 1, n)).astype(np.float32) for n in (3, 4, 5)]
    expected = np.einsum("nak,nbj,nci,nkji->nabc", *matrices, values)
    found = along_axes(torch.from_numpy(values), *(torch.from_numpy(matrix) for matrix in matrices))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_fields_are_smooth_and_of_unit_size() -> None:
    draws = [draw_field(np.random.default_rng(n), 48.0, 4.0, 8.0) for n in range(30)]
    fields = smooth_fields(draws, 48, CPU)
    assert 0.8 < fields.std() < 1.25
    assert fields[0].diff(dim=0).std() < 0.3 * fields[0].std()


def test_wider_fields_are_smoother() -> None:
    fine, wide = (
        smooth_fields([draw_field(np.random.default_rng(n), 48.0, 4.0, mm) for n in range(8)], 48, CPU)
        for mm in (4.0, 16.0)
    )
    assert wide.diff(dim=1).std() < 0.5 * fine.diff(dim=1).std()


def test_echoes_are_copies_that_leave_at_the_border() -> None:
    line = np.arange(1.0, 6.0, dtype=np.float32)
    np.testing.assert_allclose(echo_matrix(5, [2, -1], [1.0, 0.5]) @ line, [3, 4.5, 6, 1.5, 2])


def test_thick_slices_lose_what_is_thin() -> None:
    line = np.zeros(40, np.float32)
    line[20] = 1.0
    assert (slice_matrix(40, 1.5, 3.0) @ line).max() == pytest.approx(0.27, abs=0.1)
