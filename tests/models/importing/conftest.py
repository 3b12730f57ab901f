"""The written part of a card, and foreign models to be brought in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

SMALL_NNUNET = Path(__file__).parents[2] / "harness" / "small_nnunet.py"


@pytest.fixture
def written() -> dict[str, Any]:
    """What a person writes for an imported model of one CT input."""
    return {
        "name": "imported",
        "version": "0.1.0",
        "task": {"kind": "segmentation", "title": "Two balls in CT"},
        "body_site": "ball",
        "intended_use": "tests",
        "licence": "Apache-2.0",
        "inputs": [
            {
                "name": "ct",
                "modality": "CT",
                "quantity": "ct-number",
                "unit": "HU",
                "contrasts": [],
                "age_years_min": 0,
                "distortion_correction_required": False,
                "max_in_plane_mm": 2.0,
                "max_slice_mm": 3.0,
                "field_strength_tesla": None,
                "min_field_of_view_mm": 20.0,
                "min_slices": 8,
            }
        ],
        "training": {
            "data": "made balls",
            "source": "this test",
            "licence": "Apache-2.0",
            "trained_on": [],
            "held_out": [],
            "recipe": "none",
            "steps": 0,
            "minutes": 0,
        },
        "limits": ["Knows two balls."],
    }


@pytest.fixture
def write_card(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a card's file."""

    def write(content: dict[str, Any]) -> Path:
        file = tmp_path / "written.yaml"
        file.write_text(yaml.safe_dump(content))
        return file

    return write


@pytest.fixture(scope="session")
def nnunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `small_nnunet`: a model that nnU-Net trained, a case, and nnU-Net's own answer."""
    pytest.importorskip("nnunetv2")
    folder = tmp_path_factory.mktemp("nnunet")
    done = subprocess.run([sys.executable, SMALL_NNUNET, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder
