"""Every command that computes refuses a device that is not there in one line, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.cli import app
from models.nifti import write_nifti
from models.pairs import Pair, write_pair
from models.volumes import Grid, Volume

RECIPE = Path(__file__).parents[3] / "models" / "recipes" / "head-mr-to-ct.yaml"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Three patients of next to nothing: no voxel of theirs is to be read."""
    grid = Grid((16,) * 3, (2.0,) * 3, (0.0,) * 3)
    ball = np.linalg.norm(np.indices((16,) * 3) - 7.5, axis=0) < 7
    for number in range(3):
        mr = (ball * np.arange(16) * (10 + number)).astype(np.float32)
        ct = np.where(ball, np.float32(40 + number), np.float32(-1000))
        write_pair(Pair(f"P{number}", *(Volume(image, grid) for image in (mr, ct, ball))), tmp_path / "pairs")
    return tmp_path / "pairs"


@pytest.mark.parametrize(("device", "code"), [("cuda:99", "device-absent"), ("gpu", "device-unknown")])
def test_a_device_that_is_not_there_is_refused_in_one_line(
    device: str,
    code: str,
    pairs: Path,
    label_maps: Path,
    small_card: dict[str, Any],
    write_small_package: Callable[[], Path],
    tmp_path: Path,
) -> None:
    # What `run` is given is no head, and must come past the gate to be refused for the device.
    small_card["body_site"] = "pelvis"
    small_card["inputs"][0]["max_in_plane_mm"] = 5.0
    package, out, image = write_small_package(), tmp_path / "out", tmp_path / "mr.nii.gz"
    where = np.indices((40,) * 3)
    ball = np.where(np.linalg.norm(where - 19.5, axis=0) < 14, 200 + 5 * where[0], 0).astype(np.float32)
    write_nifti(Volume(ball, Grid((40,) * 3, (4.0,) * 3, (0.0,) * 3)), image)
    for command in (
        ("finetune", package, "--pairs", pairs, "--out", out),
        ("evaluate", package, "--pairs", pairs, "--out", out),
        ("calibrate", package, "--pairs", pairs, "--out", out),
        ("run", package, "--input", f"mr={image}", "--output", out.with_suffix(".nii.gz")),
        ("train", RECIPE, "--labels", label_maps, "--out", out),
        ("samples", RECIPE, "--labels", label_maps),
    ):
        result = CliRunner().invoke(app, [str(word) for word in (*command, "--device", device)])
        assert result.exit_code == 2, (command, result.output)
        assert isinstance(result.exception, SystemExit), (command, result.exception)
        told = result.stderr.splitlines()
        assert len(told) == 1, (command, told)
        assert told[0].startswith(f"synthnode {code}: ")
        assert f"{device}. Accepted: cpu" in told[0] or f"{device} is no name of a device. Accepted: cpu" in told[0]
        assert not list(tmp_path.glob("out*")), command


@pytest.mark.parametrize("device", ["cuda:99", "gpu"])
def test_a_package_is_not_verified_on_a_device_that_is_not_there(
    device: str, write_small_package: Callable[[], Path]
) -> None:
    result = CliRunner().invoke(app, ["verify", str(write_small_package()), "--device", device])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "not verified: device-" in result.output
