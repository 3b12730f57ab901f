"""Small packages and label maps that the tests of this floor share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import save

from models.networks.residual_unet import ResidualUNet, ResidualUNetSpec
from models.packages import write_package
from models.volumes import Grid, Volume

WIDTHS = (4, 8)
ANCHORS = (-1000.0, 40.0, 1200.0)
HEADS = 2


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """These networks are too small to be worth two threads."""
    torch.set_num_threads(1)


@pytest.fixture
def small_card() -> dict[str, object]:
    """A complete card but for its hash."""
    return {
        "schema": 3,
        "name": "small",
        "version": "1.2.3",
        "status": "reference",
        "task": {"kind": "synthesis", "title": "Synthetic CT of a cube"},
        "body_site": "head",
        "intended_use": "tests",
        "disclaimer": "Research use only. Not a medical device.",
        "licence": "Apache-2.0",
        "inputs": [
            {
                "name": "mr",
                "modality": "MR",
                "quantity": "mr-signal",
                "unit": "arbitrary",
                "contrasts": ["T1"],
                "aliases": ["t1"],
                "normalisation": {"kind": "foreground-percentile"},
                "age_years_min": 18,
                "distortion_correction_required": True,
                "max_in_plane_mm": 2.0,
                "max_slice_mm": 5.0,
                "field_strength_tesla": [1.0, 3.5],
                "min_field_of_view_mm": 100.0,
                "min_slices": 10,
            }
        ],
        "output": {
            "modality": "CT",
            "quantity": "ct-number",
            "unit": "HU",
            "lowest": -1000.0,
            "highest": 1200.0,
            "voxel_mm": [2.0, 2.0, 2.0],
            "outside": -1000.0,
        },
        "network": {
            "kind": "residual-unet",
            "widths": list(WIDTHS),
            "anchors_hu": list(ANCHORS),
            "heads": HEADS,
            "tile_voxels": [16, 16, 16],
            "temperature": 1.0,
            "parameters": 1,
        },
        "training": {
            "data": "none",
            "source": "none",
            "licence": "none",
            "trained_on": ["a"],
            "held_out": ["b"],
            "recipe": "none",
            "steps": 0,
            "minutes": 0,
        },
        "metrics": {"protocol": "none", "rows": []},
        "calibration": None,
        "gate": None,
        "golden": {"voxels": [16, 16, 16], "tolerance": 40.0},
        "limits": ["Untrained."],
        "site_must": ["Train it."],
    }


@pytest.fixture
def write_small_package(small_card: dict[str, object], tmp_path: Path) -> Callable[[], Path]:
    """Write a package with an untrained network that answers in the middle of its anchors.

    Its golden output is a stand-in: nothing but `verify` computes it.
    """

    def write() -> Path:
        torch.manual_seed(7)
        state = ResidualUNet(ResidualUNetSpec(WIDTHS, ANCHORS, HEADS)).state_dict()
        weights = save({name: value.half().contiguous() for name, value in state.items()})
        grid = Grid((16, 16, 16), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
        ball = np.linalg.norm(np.indices((16, 16, 16)) - 7.5, axis=0) < 7
        golden = {
            "mr": Volume((500 * ball).astype(np.float32), grid),
            "output": Volume(np.zeros((16, 16, 16), np.float32), grid),
        }
        return write_package(tmp_path / "small", small_card, weights, golden).folder

    return write


@pytest.fixture
def label_maps(tmp_path: Path) -> Path:
    """Three label maps of balls: scalp, bone with marrow, brain; a hole to the outside; an island in the air."""
    folder = tmp_path / "labels"
    folder.mkdir()
    k, j, i = np.indices((48, 48, 48))
    for number, squeeze in enumerate((1.0, 1.1, 1.2)):
        radius = np.sqrt((k - 24) ** 2 + (j - 24) ** 2 + (squeeze * (i - 24)) ** 2)
        labels = np.zeros(radius.shape, np.int32)
        for outer, label in ((21, 511), (18, 507), (16, 515), (14, 516), (13, 515), (12, 24), (11, 3), (8, 2)):
            labels[radius < outer] = label
        labels[2, 2, 2] = 24
        nibabel.save(nibabel.Nifti1Image(labels, np.diag([2.0, 2.0, 2.0, 1.0])), folder / f"map_{number}.nii.gz")
    return folder
