"""The golden example finds a network that computes something else than it was packed to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load, save
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageError, PackageTampered
from models.nifti import read_nifti, write_nifti
from models.packages import ModelPackage, content_hash, load_package
from models.packages.golden import check_golden, write_with_golden
from models.volumes import Grid, Volume

Writer = Callable[[], Path]


@pytest.fixture
def package(write_small_package: Writer, small_card: dict[str, Any], tmp_path: Path) -> ModelPackage:
    network = (write_small_package() / "weights.safetensors").read_bytes()
    return write_with_golden(tmp_path / "whole", small_card, network)


def restated(folder: Path) -> None:
    """State the hash anew, as whoever changed the package on purpose would."""
    card = yaml.safe_load((folder / "card.yaml").read_text())
    (folder / "card.yaml").write_text(yaml.safe_dump(card | {"sha256": content_hash(folder)}))


def test_a_package_gives_its_golden_output_where_it_was_made(package: ModelPackage) -> None:
    found = check_golden(package, precision="float32")
    assert found.difference <= 0.51  # the output is kept in whole HU
    assert found.within


@pytest.mark.hazard("HAZ-15")
def test_weights_swapped_under_a_new_hash_are_found_by_the_golden_example(package: ModelPackage) -> None:
    file = package.weights
    torch.manual_seed(8)
    file.write_bytes(save({name: torch.randn_like(v.float()).half() for name, v in load(file.read_bytes()).items()}))
    restated(package.folder)
    assert not check_golden(load_package(package.folder)).within
    result = CliRunner().invoke(app, ["verify", str(package.folder), "--json"])
    assert result.exit_code == 1
    told = json.loads(result.output.strip().splitlines()[-1])
    assert told["verified"] is False
    assert told["golden"]["difference"] > told["golden"]["tolerance"]


def test_verify_says_each_thing_it_looked_at(package: ModelPackage) -> None:
    result = CliRunner().invoke(app, ["verify", str(package.folder)])
    assert result.exit_code == 0, result.output
    assert package.sha256 in result.output
    assert "largest difference" in result.output
    assert "within 40" in result.output


def test_a_golden_image_on_another_grid_is_refused(package: ModelPackage) -> None:
    grid = Grid((16, 16, 8), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    write_nifti(Volume(np.ones(grid.shape, np.float32), grid), package.folder / "golden" / "mr.nii.gz", np.int16)
    restated(package.folder)
    with pytest.raises(PackageError, match="golden-invalid"):
        check_golden(load_package(package.folder))


def test_a_file_changed_after_the_package_was_verified_is_not_used(package: ModelPackage) -> None:
    weights = bytearray(package.weights.read_bytes())
    weights[-1] ^= 1
    package.weights.write_bytes(weights)
    with pytest.raises(PackageTampered):
        check_golden(package)


def test_the_golden_input_is_kept_as_it_was_computed_from(package: ModelPackage) -> None:
    values = read_nifti(package.folder / "golden" / "mr.nii.gz").values
    assert values.max() > 500
    assert (values == np.rint(values)).all()


def test_a_card_that_is_not_whole_leaves_nothing_behind(small_card: dict[str, Any], tmp_path: Path) -> None:
    del small_card["licence"]
    with pytest.raises(PackageError) as caught:
        write_with_golden(tmp_path / "broken", small_card, b"")
    assert caught.value.parameters["key"] == "licence"
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_not_written_over(
    package: ModelPackage, small_card: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "theses").mkdir()
    (tmp_path / "theses" / "mine.tex").write_text("years of work")
    with pytest.raises(PackageError, match="folder-not-empty"):
        write_with_golden(tmp_path / "theses", small_card, package.weights.read_bytes())
    assert (tmp_path / "theses" / "mine.tex").read_text() == "years of work"
