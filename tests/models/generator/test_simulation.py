"""Simulated pairs make a folder that can be judged: one anatomy and CT a case, several contrasts, a mean map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.anatomy import LabelMap
from models.errors import InputError, PairsError
from models.generator.simulation import CONTRASTS, chosen_contrasts, evaluation_plan, simulate, write_mean_map
from models.nifti import read_nifti
from models.pairs import load_pair, read_pairs


@pytest.fixture
def small(plan: Any) -> Any:
    return replace(evaluation_plan(plan, seed=1), voxel_mm=3.0, patch_voxels=40)


def test_a_folder_of_pairs_comes_out(maps: list[LabelMap], small: Any, tmp_path: Path) -> None:
    written = list(simulate(maps[:2], small, ("T1", "PD"), tmp_path / "pairs"))
    mean_map = write_mean_map(maps[1:], small, tmp_path / "pairs")
    found = read_pairs(tmp_path / "pairs")
    assert [pair.patient for pair in found] == ["map_0-PD", "map_0-T1", "map_1-PD", "map_1-T1"]
    assert {pair.patient for pair in written} == {pair.patient for pair in found}
    assert [pair.case for pair in found] == ["map_0", "map_0", "map_1", "map_1"]
    assert found[1].about is not None
    assert found[1].about["contrast"] == "T1"
    assert found[1].about["simulated"] is True
    proton, t1, other = (load_pair(pair) for pair in found[:3])
    assert np.array_equal(proton.ct.values, t1.ct.values)
    assert np.array_equal(proton.mask.values, t1.mask.values)
    assert not np.array_equal(proton.mr.values, t1.mr.values)
    assert not np.array_equal(proton.ct.values, other.ct.values)
    assert read_nifti(mean_map).grid == found[0].grid
    assert read_nifti(mean_map).values.max() > 300


def test_a_contrast_does_not_depend_on_the_others(maps: list[LabelMap], small: Any, tmp_path: Path) -> None:
    together = list(simulate(maps[:1], small, ("T1", "T2"), tmp_path / "a"))[1]
    alone = next(iter(simulate(maps[:1], small, ("T2",), tmp_path / "b")))
    assert np.array_equal(load_pair(together).mr.values, load_pair(alone).mr.values)


def test_what_is_there_is_not_overwritten(maps: list[LabelMap], small: Any, tmp_path: Path) -> None:
    list(simulate(maps[:1], small, ("T1",), tmp_path))
    with pytest.raises(PairsError, match="pair-exists"):
        list(simulate(maps[:1], small, ("T1",), tmp_path))


def test_contrasts_are_named() -> None:
    assert chosen_contrasts("t1, PD,T1") == ("T1", "PD")
    assert chosen_contrasts(",".join(CONTRASTS)) == tuple(CONTRASTS)
    for wrong in ("T1,STIR", " , "):
        with pytest.raises(InputError, match="contrast-unknown"):
            chosen_contrasts(wrong)
