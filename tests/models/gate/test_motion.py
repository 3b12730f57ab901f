"""Motion between two images of one frame: measured to a millimetre, whatever contrast and grid each has."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.gate.motion import residual_motion
from models.volumes import Grid, Volume

AXIAL = Grid(size=(60, 66, 40), spacing=(3.0, 3.0, 4.0), origin=(-90.0, -100.0, -78.0))
SAGITTAL = Grid(
    size=(70, 70, 45),
    spacing=(2.8, 2.8, 4.0),
    origin=(88.0, -95.0, 98.0),
    direction=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (-1.0, 0.0, 0.0)),
)
# Half axes and middle of each ellipsoid in mm, and its signal in two contrasts.
SHAPES = (
    ((76, 92, 84), (0, 0, 0), 300, 120),
    ((70, 86, 78), (0, 0, 0), 15, 10),
    ((63, 79, 71), (0, 0, 0), 220, 260),
    ((16, 20, 18), (32, 20, 25), 90, 420),
    ((10, 28, 14), (-15, -10, 8), 60, 480),
    ((14, 10, 12), (4, -72, -30), 5, 15),
)


def head(grid: Grid, contrast: int, turn: np.ndarray | None = None, shift: tuple[float, ...] = (0, 0, 0)) -> Volume:
    """The head in a contrast, where it was after it turned about the origin and shifted."""
    k, j, i = np.indices(grid.shape)
    points = np.stack([i.ravel(), j.ravel(), k.ravel()], axis=1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    still = (points - np.array(shift)) @ (np.eye(3) if turn is None else turn)
    signal = np.zeros(len(points))
    for axes, middle, *values in SHAPES:
        signal[(((still - middle) / np.array(axes)) ** 2).sum(axis=1) < 1] = values[contrast]
    noise = np.random.default_rng(contrast).normal(0, 8, signal.shape)
    return Volume(np.abs(signal + noise).reshape(grid.shape).astype(np.float32), grid)


def test_no_motion_is_none_on_other_grids_and_contrasts() -> None:
    found = residual_motion(head(SAGITTAL, 0), head(AXIAL, 1))
    assert found is not None
    assert found.largest_mm < 0.8


@pytest.mark.parametrize(
    ("degrees", "shift"), [((0, 0, 0), (3.0, -2.0, 1.0)), ((2, -1, 3), (0, 4.0, 0)), ((0, 0, 5), (8.0, 0, 0))]
)
def test_known_motion_is_measured(degrees: tuple[float, ...], shift: tuple[float, ...]) -> None:
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    found = residual_motion(head(SAGITTAL, 0), head(AXIAL, 1, turn, shift))
    assert found is not None
    assert found.turn_degrees == pytest.approx(
        np.linalg.norm(Rotation.from_matrix(turn).as_rotvec(degrees=True)), abs=1.0
    )
    assert np.linalg.norm(found.shift_mm) == pytest.approx(np.linalg.norm(shift), abs=1.0)


def test_the_same_images_give_the_same_motion() -> None:
    moved = head(AXIAL, 1, None, (2.0, 0, 0))
    assert residual_motion(head(SAGITTAL, 0), moved) == residual_motion(head(SAGITTAL, 0), moved)


def test_fields_that_do_not_meet_and_empty_images_have_no_motion() -> None:
    far = Grid(AXIAL.size, AXIAL.spacing, (400.0, 0.0, 0.0))
    assert residual_motion(head(SAGITTAL, 0), head(far, 1)) is None
    assert residual_motion(head(SAGITTAL, 0), Volume(np.zeros(AXIAL.shape, np.float32), AXIAL)) is None
