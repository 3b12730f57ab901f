"""Cases of a folder as they are taught: only what was acquired, as it was acquired, and on its own side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import InputError, PairsError
from models.nifti import write_nifti
from models.training.data.paired import read_case
from models.training.data.patches import BODY, Patches
from models.training.tasks import Task
from models.volumes import Grid, Volume

SIDE = 16
VOXEL_MM = (3.0, 3.0, 3.0)
CT_SCALE = {"kind": "fixed", "lowest": -1000, "highest": 1000, "mean": 0, "deviation": 500}
CT = {"name": "ct", "modality": "CT", "quantity": "ct-number", "lowest": -1000, "highest": 1000, "outside": -1000}
ORGANS = {"name": "organs", "modality": "SEG", "quantity": "label", "labels": {"left": 1, "right": 2}}

Write = Callable[..., Path]


def task(target: dict[str, Any]) -> Task:
    source = {"name": "source", "quantity": "ct-number", "normalisation": CT_SCALE}
    sides = (SIDE // 2,) * 3
    return Task.model_validate({"inputs": [source], "target": target, "voxel_mm": VOXEL_MM, "patch_voxels": sides})


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def cases(name: str, target: np.ndarray) -> Path:
        """Write a case whose target may have fewer slices than its source."""
        source = np.full((SIDE,) * 3, 40.0)
        for file, values in {"source": source, "mask": np.ones_like(source), name: target}.items():
            grid = Grid(values.shape[::-1], VOXEL_MM, (0.0, 0.0, 0.0))
            write_nifti(Volume(values.astype(np.float32), grid), tmp_path / f"{file}.nii.gz")
        return tmp_path

    return cases


@pytest.mark.parametrize("target", [CT, ORGANS], ids=["ct", "labels"])
def test_what_the_target_does_not_reach_is_not_taught(write: Write, target: dict[str, Any]) -> None:
    folder = write(target["name"], np.ones((SIDE // 2, SIDE, SIDE)))
    case = read_case("one", folder, task(target))
    assert case.mask.sum() == SIDE**3 / 2
    assert (case.images[target["name"]][case.mask] == 1).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["ct", "source"])
def test_a_value_that_is_no_number_is_refused_by_file(write: Write, name: str, strange: float) -> None:
    values = np.full((SIDE,) * 3, 40.0)
    folder = write("ct", values)
    values[3, 4, 5] = strange
    write_nifti(
        Volume(values.astype(np.float32), Grid((SIDE,) * 3, VOXEL_MM, (0.0, 0.0, 0.0))), folder / f"{name}.nii.gz"
    )
    with pytest.raises(PairsError, match=rf"image-not-finite.*{name}\.nii\.gz"):
        read_case("one", folder, task(CT))


def test_a_target_is_taught_as_it_was_measured(write: Write) -> None:
    target = {"name": "pet", "modality": "PT", "quantity": "activity", "lowest": 0, "highest": 1e6, "outside": 0}
    case = read_case("one", write("pet", np.full((SIDE,) * 3, 100_001.0)), task(target))
    assert (case.images["pet"] == 100_001.0).all()
    batch = Patches([case], (SIDE // 2,) * 3, VOXEL_MM, seed=0).batch(range(4))
    assert torch.isfinite(batch.images["pet"]).all()


@pytest.mark.parametrize(("target", "mirrored"), [(CT, True), (ORGANS, False)], ids=["ct", "labels"])
def test_labels_are_never_mirrored(write: Write, target: dict[str, Any], mirrored: bool) -> None:
    sides = np.ones((SIDE,) * 3)
    sides[:, :, SIDE // 2 :] = 2
    case = read_case("one", write(target["name"], sides), task(target))
    batch = Patches([case], (SIDE,) * 3, VOXEL_MM, seed=0).batch(range(30))
    found = []
    for values, body in zip(batch.images[target["name"]], batch.masks[BODY], strict=True):
        along = torch.arange(SIDE).expand_as(values)
        ones, twos = (values.round() == 1) & body, (values.round() == 2) & body
        if ones.any() and twos.any():
            found.append(bool(along[ones].float().mean() > along[twos].float().mean()))
    assert len(found) > 10
    assert any(found) == mirrored


def test_what_nobody_outlined_does_not_count(write: Write) -> None:
    folder = write("organs", np.ones((SIDE,) * 3))
    (folder / "about.json").write_text('{"outlined": ["left"]}')
    patch = Patches([read_case("one", folder, task(ORGANS))], (8, 8, 8), VOXEL_MM, seed=1).batch([0, 1])
    assert patch.weights["organs"].flatten(1).tolist() == [[1.0, 1.0, 0.0]] * 2


def test_a_label_that_nobody_is_said_to_have_outlined_is_refused(write: Write) -> None:
    folder = write("organs", np.ones((SIDE,) * 3))
    (folder / "about.json").write_text('{"outlined": ["right"]}')
    with pytest.raises(InputError, match="left"):
        read_case("one", folder, task(ORGANS))
