"""A known movement is found again, and what cannot be one person's is not passed off as a pair."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from json import loads
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
import torch
from PIL import Image
from two_positions import CENTRE, MR_GRID, SHIFT, TURN, TwoPositions, taken_twice

from models.errors import InputError, PairsError
from models.nifti import read_nifti
from models.pairs import load_pair, read_pairs
from models.pairs.deformation import Lattice
from models.pairs.itk import isotropic, resampled
from models.pairs.making import MadePair, keep, make_pair, set_aside
from models.pairs.quality import PairLimits, agreement, edge_agreement, mutual_information
from models.pairs.registration import Settings, register
from models.volumes import Grid, Volume

pytestmark = pytest.mark.slow

RIGID = Settings(voxel_mm=4.0, samples=20_000, control_mm=())
BENDING = Settings(voxel_mm=4.0, samples=20_000, control_mm=(60.0,), bend_iterations=25)


def quiet(*_: str) -> None:
    """Nobody is told."""


def apart_mm(head: TwoPositions, transform: SimpleITK.Transform) -> np.ndarray:
    here, there = head.landmarks
    return np.linalg.norm(np.array([transform.TransformPoint(point) for point in here.tolist()]) - there, axis=1)


@pytest.fixture(scope="module")
def turned() -> MadePair:
    """The head turned by 14 degrees and shifted by 21 mm, put back."""
    head = taken_twice(0.0)
    return make_pair("P1", head.mr, head.ct, RIGID, PairLimits(), quiet)


@pytest.fixture(scope="module")
def poor() -> MadePair:
    """An MR, and the CT of a head 15 % smaller: not the same person's."""
    other = taken_twice(0.0, 0.85)
    return make_pair("P2", other.mr, other.ct, RIGID, PairLimits(), quiet)


def test_a_turned_head_is_found_to_a_millimetre_at_voxels_of_four(turned: MadePair) -> None:
    found = turned.registration
    assert apart_mm(taken_twice(0.0), found.transform).max() < 1.5
    expected = float(np.degrees(np.arccos((np.trace(TURN) - 1) / 2)))
    assert found.movement.turned_degrees == pytest.approx(expected, abs=0.5)
    assert found.after.information > 2 * found.before.information
    assert found.after.outline_mm < found.before.outline_mm / 2
    assert turned.good


def test_a_bent_neck_is_followed_and_nothing_folds() -> None:
    head = taken_twice(9.0)
    found = register(head.mr, head.ct, BENDING, quiet)
    stiff = SimpleITK.CompositeTransform(found.transform).GetNthTransform(0)
    rigid, bent = apart_mm(head, stiff), apart_mm(head, found.transform)
    assert rigid.mean() > 2.5, "the movement is rigid, and nothing is tried"
    assert bent.mean() < 2.0
    assert bent.mean() < 0.6 * rigid.mean()
    assert 0.5 < found.movement.jacobian_lowest <= 1.0 <= found.movement.jacobian_highest < 2.0
    assert found.after.information > found.rigid.information > found.before.information
    rigid_ct = resampled(head.ct, head.mr.grid, stiff, -1000.0)
    before, after = (np.abs(ct.values - head.truth.values)[found.mr_body].mean() for ct in (rigid_ct, found.ct))
    # What interpolation between voxels of 4 mm costs is in both, about 110 HU.
    assert after < 0.9 * before


def test_the_same_images_give_the_same_transform_to_the_last_bit(turned: MadePair) -> None:
    head = taken_twice(0.0)
    again = register(head.mr, head.ct, RIGID, quiet)
    assert again.transform.GetParameters() == turned.registration.transform.GetParameters()
    assert np.array_equal(again.ct.values, turned.registration.ct.values)


def test_what_the_ct_did_not_see_and_its_padding_are_air_and_not_in_the_mask() -> None:
    head = taken_twice(0.0)
    seen = head.ct.values[22:].copy()
    seen[:, :, :3] = -3024.0  # as a scanner pads its round field
    cut = Volume(seen, replace(head.ct.grid, size=(64, 72, 44), origin=(-126.0, -142.0, -54.0)))
    made = make_pair("P1", head.mr, cut, RIGID, PairLimits(coverage=0.9), quiet)
    found = made.registration
    assert apart_mm(head, found.transform).mean() < 1.5
    assert 0.4 < found.after.coverage < 0.9
    assert (found.ct.values[~found.field] == -1000).all()
    assert found.ct.values.min() >= -1000.0
    assert not (made.pair.mask.values & ~found.field).any()
    assert made.pair.mask.values.sum() > 0.9 * (found.mr_body & found.field).sum()
    assert any("the CT holds" in why for why in made.reasons)


def test_a_good_pair_is_kept_with_its_picture(turned: MadePair, tmp_path: Path) -> None:
    folder = keep(turned, tmp_path, {"contrast": "t1"})
    (pair,) = read_pairs(tmp_path)
    assert pair.folder == folder
    loaded = load_pair(pair)
    assert np.allclose(loaded.ct.values, turned.pair.ct.values, atol=0.5)
    assert np.array_equal(loaded.mask.values, turned.pair.mask.values)
    assert pair.about is not None
    assert pair.about["verdict"] == "good"
    assert pair.about["contrast"] == "t1"
    picture = Image.open(tmp_path / "overview" / "P1.png")
    assert np.asarray(picture).std() > 20
    with pytest.raises(PairsError):
        keep(turned, tmp_path, {})


def test_another_ones_ct_is_set_aside_with_the_reasons(poor: MadePair, turned: MadePair, tmp_path: Path) -> None:
    assert not poor.good
    keep(turned, tmp_path, {})
    for _ in range(2):  # set aside again, it replaces what was set aside before
        folder = keep(poor, tmp_path, {})
    assert folder == tmp_path / "aside" / "P2"
    about = loads((folder / "about.json").read_text())
    assert about["verdict"] == "poor"
    assert any("outlines" in why for why in about["reasons"])
    assert Image.open(BytesIO((folder / "montage.png").read_bytes())).width > 600
    assert read_nifti(folder / "ct.nii.gz").grid.size == MR_GRID.size
    assert [pair.patient for pair in read_pairs(tmp_path)] == ["P1"], "what is set aside is not trained with"


def test_what_could_not_be_read_is_set_aside_too(tmp_path: Path) -> None:
    folder = set_aside("P3", tmp_path, {"schema": 1}, "slices-missing")
    assert loads((folder / "about.json").read_text())["reasons"] == ["slices-missing"]


def test_swapped_and_empty_images_are_refused_before_anything_is_computed() -> None:
    head = taken_twice(0.0)
    with pytest.raises(PairsError, match="pair-names-swapped"):
        make_pair("P1", head.ct, head.mr, RIGID, PairLimits(), quiet)
    air = Volume(np.full(head.ct.values.shape, -1000.0, np.float32), head.ct.grid)
    with pytest.raises(PairsError, match="image-constant"):
        make_pair("P1", head.mr, air, RIGID, PairLimits(), quiet)
    slab = Volume(head.mr.values[:3], replace(head.mr.grid, size=(54, 64, 3)))
    with pytest.raises(PairsError, match="image-too-thin"):
        make_pair("P1", slab, head.ct, RIGID, PairLimits(), quiet)
    speck = head.ct.values * 0 - 1000
    speck[:14] = 40.0
    speck[:, ::2] = -1000.0
    with pytest.raises((InputError, PairsError)):
        make_pair("P1", head.mr, Volume(speck, head.ct.grid), RIGID, PairLimits(), quiet)


def test_figures_of_agreement_are_those_worked_out_by_hand() -> None:
    grid = Grid((20, 20, 20), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 800, grid.shape).astype(np.float32)
    everywhere = np.ones(grid.shape, bool)
    # The same values in both: the entropy of 64 even bins, less what uneven cuts lose. In disorder: almost none.
    assert 0.85 * np.log(64) < mutual_information(image, image, everywhere) <= np.log(64)
    assert mutual_information(image, rng.permutation(image.ravel()).reshape(grid.shape), everywhere) < 0.35
    smooth = np.indices(grid.shape)[0].astype(np.float32) ** 2
    across = np.indices(grid.shape)[1].astype(np.float32) ** 2
    assert edge_agreement(Volume(smooth, grid), Volume(-smooth, grid), everywhere) == pytest.approx(1.0)
    assert edge_agreement(Volume(smooth, grid), Volume(across, grid), everywhere) == pytest.approx(0.0)
    box, moved = np.zeros((2, *grid.shape), bool)
    box[5:15, 5:15, 5:15] = moved[5:15, 5:15, 6:16] = True
    found = agreement(Volume(image, grid), Volume(image, grid), box, moved, everywhere)
    assert found.outline_dice == pytest.approx(0.9)
    assert 0.2 < found.outline_mm < 2.0
    assert found.coverage == 1.0
    half = everywhere.copy()
    half[:, :, :10] = False
    assert agreement(Volume(image, grid), Volume(image, grid), box, box, half).coverage == pytest.approx(0.5)
    assert agreement(Volume(image, grid), Volume(image, grid), box, box, ~everywhere).coverage == 0.0


def test_resampling_puts_every_point_where_the_transform_says() -> None:
    grid = Grid((30, 28, 26), (3.0, 2.0, 2.5), (-40.0, -20.0, 5.0))
    axes = tuple(tuple(float(v) for v in axis) for axis in TURN.T)
    target = Grid((9, 8, 7), (2.0, 2.0, 2.0), (2.0, 5.0, 30.0), axes)  # type: ignore[arg-type]
    k, j, i = np.indices(grid.shape)
    x, y, z = np.moveaxis(np.stack([i, j, k, np.ones_like(i)], -1) @ grid.affine.T, -1, 0)[:3]
    ramp = Volume((x + 10 * y - 4 * z).astype(np.float32), grid)
    move = SimpleITK.Euler3DTransform()
    move.SetCenter(CENTRE.tolist())
    move.SetTranslation((SHIFT / 10).tolist())
    move.SetRotation(0.05, 0.02, -0.03)
    found = resampled(ramp, target, move, -999.0)
    for index in ((0, 0, 0), (8, 7, 6), (3, 0, 5)):
        at = move.TransformPoint((target.affine @ [*index, 1])[:3].tolist())
        assert found.values[index[::-1]] == pytest.approx(at[0] + 10 * at[1] - 4 * at[2], abs=0.02)


def test_a_coarser_grid_keeps_the_middle_and_stays_inside() -> None:
    grid = Grid((30, 28, 26), (1.0, 2.0, 5.0), (-40.0, -20.0, 5.0), MR_GRID.direction)
    coarse = isotropic(grid, 2.5)
    middle = [(one.affine @ [*((np.array(one.size) - 1) / 2), 1])[:3] for one in (grid, coarse)]
    assert np.allclose(*middle)
    assert min(coarse.spacing) == 2.5
    assert max(coarse.spacing) == 5.0
    assert all(
        (count - 1) * step <= (all_ - 1) * own + 1e-6
        for count, step, all_, own in zip(coarse.size, coarse.spacing, grid.size, grid.spacing, strict=True)
    )


def test_the_splines_displacements_are_itks_up_to_the_grids_border() -> None:
    axes = tuple(tuple(float(v) for v in axis) for axis in TURN.T)
    grid = Grid((11, 9, 8), (3.0, 4.0, 5.0), (5.0, -7.0, 9.0), axes)  # type: ignore[arg-type]
    lattice = Lattice.over(grid, 15.0)
    coefficients = np.random.default_rng(2).normal(0, 3, (3, *lattice.shape))
    ours = lattice.displacements(torch.from_numpy(coefficients).float()).numpy()
    spline = lattice.spline(coefficients)
    for index in ((0, 0, 0), (10, 8, 7), (4, 0, 7), (5, 3, 2)):
        point = (grid.affine @ [*index, 1])[:3]
        moved = np.array(spline.TransformPoint(point.tolist())) - point
        assert ours[(slice(None), *index[::-1])] == pytest.approx(moved, abs=1e-4)
