"""A node whose folder of packages is not in order refuses to start, in words, before the first patient comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from models.errors import PackageError
from models.packages import installed
from node.composition import Node
from node.settings import ComputeSection, Settings


def node(folder: Path, packages: Path | None = None) -> Node:
    return Node(Settings(data=folder / "data", compute=ComputeSection(packages=packages)))


@pytest.mark.hazard("HAZ-15")
def test_two_models_of_one_name_stop_the_start(tmp_path: Path) -> None:
    shipped = installed()["head-mr-to-ct"].folder
    shutil.copytree(shipped, tmp_path / "site" / "another")
    with pytest.raises(PackageError, match="package-doubled") as refused:
        node(tmp_path, tmp_path / "site").packages()  # what the supervisor asks for first
    assert refused.value.parameters["remedy"]


def test_a_folder_that_the_settings_name_and_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="packages-folder-missing"):
        node(tmp_path, tmp_path / "nowhere").packages()


def test_the_folder_that_was_never_made_does_not(tmp_path: Path) -> None:
    assert set(node(tmp_path).packages()) == set(installed())
