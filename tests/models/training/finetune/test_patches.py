"""Patches are the pair, as the network sees it in use: numbered, in place, within the mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from site_pairs import SHIFTED, SIDE, patient, write_site

from models.errors import InputError
from models.intensity import normalise, reference_intensity
from models.packages import ModelPackage
from models.pairs import read_pairs
from models.reports.cases import load_case
from models.training.data.patches import Patches, WorkingCase, validation_patches
from models.training.finetune.baseline import mean_ct
from models.training.finetune.working_pairs import working_pair


@pytest.fixture
def pairs(untaught: ModelPackage, tmp_path: Path) -> list[WorkingCase]:
    site = write_site(tmp_path / "site", 3)
    return [working_pair(load_case(pair, untaught.card), untaught.card) for pair in read_pairs(site)]


def test_on_its_own_grid_a_pair_is_what_the_network_sees_in_use(pairs: list[WorkingCase]) -> None:
    mr, ct, mask = patient(100, SHIFTED)
    mr = np.rint(mr)
    expected = normalise(mr, reference_intensity(mr))
    np.testing.assert_allclose(pairs[0].images["mr"].float().numpy(), expected, atol=2e-3)
    np.testing.assert_array_equal(pairs[0].images["ct"].float().numpy(), ct)
    np.testing.assert_array_equal(pairs[0].mask.numpy(), mask)


def test_numbers_choose_patches_and_nothing_else_does(pairs: list[WorkingCase]) -> None:
    source = Patches(pairs, (SIDE,) * 3, (4.0,) * 3, seed=3)
    first, again = source.batch([5, 6]), source.batch([6])
    assert first.images["mr"].shape == first.images["ct"].shape == first.masks["body"].shape == (2, 1, SIDE, SIDE, SIDE)
    assert torch.equal(first.images["mr"][1:], again.images["mr"])
    assert not torch.equal(first.images["mr"][:1], again.images["mr"])
    assert not torch.equal(Patches(pairs, (SIDE,) * 3, (4.0,) * 3, seed=4).batch([6]).images["mr"], again.images["mr"])


def test_mr_ct_and_mask_of_a_patch_stay_on_each_other(pairs: list[WorkingCase]) -> None:
    batch = Patches(pairs, (SIDE,) * 3, (4.0,) * 3, seed=0).batch(range(20))
    assert batch.masks["body"].flatten(1).any(dim=1).all()
    # By the site's look soft tissue is above -500 HU and bright, and air is neither.
    inside = batch.images["ct"] > -300
    assert float(batch.images["mr"][inside & batch.masks["body"]].mean()) > 10 * float(
        batch.images["mr"][batch.images["ct"] < -950].mean()
    )
    agreement = (inside == batch.masks["body"]).float().mean()
    assert float(agreement) > 0.95


def test_validation_patches_are_the_pairs_own_voxels(pairs: list[WorkingCase]) -> None:
    patches = validation_patches(pairs[:1], (8, 8, 8), 6, seed=1)
    values = set(pairs[0].images["ct"].float().unique().tolist()) | {-1000.0}
    for patch in patches:
        assert patch.images["mr"].shape == (1, 1, 8, 8, 8)
        # Read between voxels there would be values that no tissue has.
        found = patch.images["ct"].round().unique().tolist()
        assert set(found) <= values


def test_the_mean_ct_lies_between_its_patients(pairs: list[WorkingCase]) -> None:
    mean = mean_ct(pairs, (4.0, 4.0, 4.0))
    k, j, i = (length // 2 for length in mean.values.shape)
    assert mean.values.shape == tuple(
        max(int(pair.centres[:, axis].max() - pair.centres[:, axis].min()) + 1 for pair in pairs) for axis in range(3)
    )
    assert 0 < mean.values[k, j, i] < 200
    assert mean.values.max() <= 1000.5
    np.testing.assert_allclose(mean.values[0, 0, 0], -1000.0)


def test_a_mask_that_the_mr_does_not_reach_is_refused(untaught: ModelPackage, tmp_path: Path) -> None:
    case = load_case(read_pairs(write_site(tmp_path / "site", 1))[0], untaught.card)
    empty = replace(case, body=np.zeros_like(case.body))
    with pytest.raises(InputError, match=r"body-empty patient=P000"):
        working_pair(empty, untaught.card)
