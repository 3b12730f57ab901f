from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from models.errors import InputError
from models.masks.body import ct_body, mr_body
from models.volumes import Grid, Volume

GRID = Grid((90, 100, 80), (2.0, 2.0, 2.0), (-89.0, -99.0, -79.0))


def coordinates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    k, j, i = np.indices(GRID.shape)
    return i * 2.0 - 89.0, j * 2.0 - 99.0, k * 2.0 - 79.0


def head() -> tuple[np.ndarray, np.ndarray]:
    """A ball of a head with a dark shell of bone, a closed sinus, and a nostril that opens to the front."""
    x, y, z = coordinates()
    radius = np.sqrt(x**2 + y**2 + z**2)
    outer = radius < 70
    bone = (radius > 55) & (radius < 63)
    sinus = np.sqrt(x**2 + (y + 45) ** 2 + z**2) < 9
    nostril = (np.sqrt(x**2 + z**2) < 5) & (y < -45)
    signal = np.where(outer, 100.0, 0.0)
    signal[bone | sinus | (nostril & outer)] = 0.0
    return signal, outer


def test_the_body_is_one_solid_with_bone_sinus_and_nostril_inside() -> None:
    signal, outer = head()
    rng = np.random.default_rng(3)
    noisy = np.hypot(signal + rng.normal(0, 5, signal.shape), rng.normal(0, 5, signal.shape))
    found = mr_body(Volume(noisy.astype(np.float32), GRID), np.ones(GRID.shape, dtype=bool))

    dice = 2 * (found & outer).sum() / (found.sum() + outer.sum())
    assert dice > 0.985
    assert ndimage.label(found)[1] == 1
    assert ndimage.label(~found)[1] == 1, "a hole is left"
    x, y, z = coordinates()
    assert found[np.sqrt(x**2 + (y + 45) ** 2 + z**2) < 9].all()


def test_no_axial_plane_of_a_ragged_body_has_a_hole() -> None:
    rng = np.random.default_rng(3)
    signal, _ = head()
    cavities = ndimage.gaussian_filter(rng.normal(size=signal.shape), 4)
    signal[cavities > np.percentile(cavities, 45)] = 0.0
    found = mr_body(Volume(signal.astype(np.float32), GRID), np.ones(GRID.shape, dtype=bool))
    for plane in found:
        assert np.array_equal(ndimage.binary_fill_holes(plane), plane)


def test_a_field_within_the_body_is_body_where_muscle_is_darker_than_fat() -> None:
    """A limb is acquired round a tumour: hardly any air, and Otsu's threshold parts fat from muscle."""
    rng = np.random.default_rng(3)
    x, _, z = coordinates()
    signal = np.where(np.hypot(x, z) < 65, 300.0, 1000.0)
    signal[:, :8] = 0.0
    noisy = np.abs(signal + rng.normal(0, 10, signal.shape)).astype(np.float32)
    found = mr_body(Volume(noisy, GRID), np.ones(GRID.shape, dtype=bool))
    assert not found[:, :6].any()
    assert found[:, 12:].mean() > 0.99


def test_islands_and_ghosts_are_not_body() -> None:
    signal, _ = head()
    signal[2:6, 2:6, 2:6] = 100.0
    signal[:, 50, 88] = 100.0
    found = mr_body(Volume(signal.astype(np.float32), GRID), np.ones(GRID.shape, dtype=bool))
    assert not found[2:6, 2:6, 2:6].any()
    assert not found[:, 50, 88].any()


def test_a_windpipe_cut_by_the_fields_lowest_face_is_body() -> None:
    x, y, z = coordinates()
    neck = np.hypot(x, y) < 50
    pipe = np.hypot(x, y + 20) < 8
    signal = np.where(neck & ~pipe, 100.0, 0.0)
    inside = z > -60 + 0.4 * y  # an oblique lowest face
    found = mr_body(Volume((signal * inside).astype(np.float32), GRID), inside)
    assert found[pipe & inside].mean() > 0.99
    assert not found[~inside].any()


def test_air_between_the_head_and_a_near_edge_of_the_field_stays_air() -> None:
    signal, outer = head()
    narrow = slice(6, 84)  # 78 mm to either side of a head of 70 mm
    grid = Grid((78, 100, 80), GRID.spacing, (-77.0, -99.0, -79.0))
    found = mr_body(Volume(signal[:, :, narrow].astype(np.float32), grid), np.ones(grid.shape, dtype=bool))
    assert not found[:, :, :3].any()
    assert not found[:, :, -3:].any()
    assert 2 * (found & outer[:, :, narrow]).sum() / (found.sum() + outer.sum()) > 0.985


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_empty_volume_has_no_body(value: float) -> None:
    flat = Volume(np.full(GRID.shape, value, dtype=np.float32), GRID)
    if value == 0.0:
        with pytest.raises(InputError) as caught:
            mr_body(flat, np.ones(GRID.shape, dtype=bool))
        assert caught.value.code == "body-not-found"
    with pytest.raises(InputError):
        ct_body(Volume(np.full(GRID.shape, -1000.0, dtype=np.float32), GRID), np.ones(GRID.shape, dtype=bool))


def test_the_body_of_a_ct_and_of_its_mr_agree() -> None:
    signal, outer = head()
    hu = np.where(signal > 0, 30.0, -1000.0)
    x, y, z = coordinates()
    radius = np.sqrt(x**2 + y**2 + z**2)
    hu[(radius > 55) & (radius < 63)] = 1000.0
    inside = np.ones(GRID.shape, dtype=bool)
    from_ct = ct_body(Volume(hu.astype(np.float32), GRID), inside)
    from_mr = mr_body(Volume(signal.astype(np.float32), GRID), inside)
    assert 2 * (from_ct & from_mr).sum() / (from_ct.sum() + from_mr.sum()) > 0.99
    assert 2 * (from_ct & outer).sum() / (from_ct.sum() + outer.sum()) > 0.985
