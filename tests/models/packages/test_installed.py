"""A name means one package; a doubled name, a broken neighbour or a folder that is not there hides nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageError
from models.packages import installed, package_named
from models.packages.installed import SHIPPED, place_named

Writer = Callable[[], Path]


@pytest.fixture
def doubled(write_small_package: Writer, tmp_path: Path) -> Path:
    """A folder of packages in which two have one name."""
    folder = tmp_path / "site"
    for name in ("one", "two"):
        shutil.copytree(write_small_package(), folder / name)
    return folder


def test_a_doubled_name_is_refused_with_a_remedy(doubled: Path) -> None:
    for asked in (lambda: installed(doubled), lambda: package_named("small", doubled)):
        with pytest.raises(PackageError) as refused:
            asked()
        told = refused.value.parameters
        assert refused.value.code == "package-doubled"
        assert (told["first"], told["second"]) == (str(doubled / "one"), str(doubled / "two"))
        assert f"move {doubled / 'two'} out" in str(told["remedy"])


def test_what_is_not_doubled_can_be_used_beside_it(doubled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert package_named(SHIPPED[0], doubled).card.name == SHIPPED[0]
    assert package_named(str(doubled / "two"), doubled).folder == doubled / "two"
    monkeypatch.chdir(doubled)
    assert package_named("./two", doubled).folder.resolve() == doubled / "two"


def test_a_broken_neighbour_is_no_reason_to_refuse_a_package_by_name(doubled: Path) -> None:
    (doubled / "one" / "card.yaml").write_text("[")
    assert package_named("small", doubled).folder == doubled / "two"
    with pytest.raises(PackageError, match="card-unreadable"):
        installed(doubled)


@pytest.mark.parametrize("command", [["list"], ["show", "head-mr-to-ct"], ["verify", "head-mr-to-ct"]])
@pytest.mark.parametrize(("name", "found"), [("nowhere", "nothing"), ("a file", "a file")])
def test_a_folder_of_packages_that_is_none_is_refused(
    tmp_path: Path, command: list[str], name: str, found: str
) -> None:
    (tmp_path / "a file").write_text("")
    told = CliRunner().invoke(app, [*command, "--packages", str(tmp_path / name)])
    assert told.exit_code == (1 if command[0] == "verify" else 2)
    assert f"packages-folder-missing: {tmp_path / name} is no folder of packages ({found})." in told.output


def test_the_folder_of_the_shipped_packages_does_not_double_them() -> None:
    library = installed()[SHIPPED[0]].folder.parent
    assert set(SHIPPED) <= set(installed(library))


def test_weights_are_named_as_packages_are(doubled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(doubled / "one")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    assert place_named("small", doubled) == doubled / "two"
    assert place_named("run", doubled) == Path("run")
    assert place_named("weights.pt", doubled) == Path("weights.pt")
    with pytest.raises(PackageError, match="package-unknown"):
        place_named("nowhere", doubled)


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "small", "--pairs", "nowhere", "--out", "out"],
        ["calibrate", "small", "--pairs", "nowhere", "--out", "out.json"],
        ["finetune", "small", "--pairs", "nowhere", "--out", "out", "--steps", "1"],
    ],
    ids=lambda command: command[0],
)
def test_every_command_takes_the_name_of_a_sites_own_package(
    doubled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    shutil.rmtree(doubled / "one")
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(app, [*command, "--packages", str(doubled)])
    assert told.exit_code == 2
    assert "package-unknown" not in told.output
    assert "nowhere" in told.output  # the package was found; what is missing are the pairs
