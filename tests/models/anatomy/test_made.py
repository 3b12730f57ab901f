"""Made bodies have their organs where they belong, differ by seed, and can be trained from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from models.anatomy import map_files, prepare
from models.anatomy.made import SITES, made_labels, made_map, write_made
from models.errors import InputError
from models.tissues import Mixture, Tissue
from models.volumes import Volume

VOXEL_MM = 4.0
SEEDS = (0, 1)


@cache
def made(site: str, seed: int) -> Volume:
    return made_labels(site, seed, VOXEL_MM)


def middle(labels: Volume, *kinds: int) -> np.ndarray:
    """Mean position (x, y, z) of some tissues."""
    k, j, i = np.argwhere(np.isin(labels.values, kinds)).mean(axis=0)
    return np.array(labels.grid.origin) + np.array([i, j, k]) * VOXEL_MM


def millilitres(labels: Volume, *kinds: int) -> float:
    return float(np.isin(labels.values, kinds).sum() * VOXEL_MM**3 / 1000)


@pytest.mark.parametrize("site", list(SITES))
def test_a_seed_is_a_person(site: str) -> None:
    first, again, other = (made_labels(site, seed, 12.0).values for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pelvis_has_its_organs_where_they_belong(seed: int) -> None:
    pelvis = made("pelvis", seed)
    bladder, gland = middle(pelvis, Tissue.URINE), middle(pelvis, Tissue.PROSTATE, Tissue.PROSTATE_CENTRE)
    assert bladder[2] > gland[2] + 15
    assert abs(gland[0]) < 12
    rectum = pelvis.values == Tissue.BOWEL
    rectum[round((gland[2] + 30 - pelvis.grid.origin[2]) / VOXEL_MM) :] = False
    assert rectum.any()
    assert (np.argwhere(rectum)[:, 1] * VOXEL_MM + pelvis.grid.origin[1]).mean() > gland[1] + 15
    assert 15 < millilitres(pelvis, Tissue.PROSTATE, Tissue.PROSTATE_CENTRE, Tissue.LESION) < 90
    assert 15 < millilitres(pelvis, Tissue.URINE) < 500
    for side in (-88, 88):
        k, j, i = (round((p - o) / VOXEL_MM) for p, o in zip((0, 0, side), pelvis.grid.origin[::-1], strict=True))
        assert pelvis.values[k, j, i] == Mixture.BONE
    # The bladder's wall is closed.
    around = ndimage.binary_dilation(pelvis.values == Tissue.URINE)
    assert np.isin(pelvis.values[around], (Tissue.URINE, Tissue.MUSCLE, Tissue.PROSTATE)).mean() > 0.8


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cord_lies_in_its_canal_behind_the_vertebrae(seed: int) -> None:
    spine = made("spine", seed)
    cord = spine.values == Tissue.CORD
    around = np.unique(spine.values[ndimage.binary_dilation(cord)])
    assert set(around) <= {Tissue.CORD, Tissue.CSF, Tissue.FAT}
    assert middle(spine, Tissue.CORD)[1] > middle(spine, Tissue.DISC)[1] + 15
    centre = spine.values[:, :, spine.values.shape[2] // 2]
    column = [int((level == Tissue.DISC).any()) for level in centre]
    assert 4 <= np.abs(np.diff(column)).sum() / 2 <= 9


@pytest.mark.parametrize("site", ["pelvis", "spine"])
def test_bodies_are_closed_by_skin(site: str) -> None:
    values = made(site, 0).values[5:-5]
    touching = ndimage.binary_dilation(_outside(values)) & (values != Tissue.AIR)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    assert np.isin(values[inner][touching[inner]], (Tissue.SKIN, Tissue.FAT)).all()


def test_made_maps_can_be_trained_from(tmp_path: Path) -> None:
    files = write_made("pelvis", range(2), tmp_path, 6.0)
    assert map_files(tmp_path) == files
    read, direct = prepare(files[1]), made_map("pelvis", 1, 6.0)
    assert np.array_equal(read.tissue, direct.tissue)
    assert np.array_equal(read.bone_depth, direct.bone_depth)
    (tmp_path / "labels.yaml").write_text("schema: 1\n")
    with pytest.raises(InputError, match="labels-yaml-exists"):
        write_made("pelvis", range(1), tmp_path, 6.0)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match="site-unknown"):
        made_labels("elbow", 0)


def _outside(values: np.ndarray) -> np.ndarray:
    pieces, _ = ndimage.label(values == Tissue.AIR)
    return np.asarray(pieces == pieces[0, 0, 0])


def test_bones_have_their_cortex_in_coarse_maps_too() -> None:
    coarse = made_map("pelvis", 0, 6.0)
    bone = coarse.tissue == Mixture.BONE
    surface = bone & ~ndimage.binary_erosion(bone)
    surface[:2] = surface[-2:] = False  # where the map ends, bones go on
    assert (coarse.bone_depth[bone] > 0).all()
    assert coarse.bone_depth[surface].max() <= 10
    assert not coarse.bone_depth[~bone].any()
