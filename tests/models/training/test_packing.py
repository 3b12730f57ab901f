"""What `pack` refuses before it makes anything of a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from models.errors import PackageError, RecipeError
from models.packages.contents import CARD
from models.training.draft import EXAMPLE
from models.training.packing import Parts, pack

ROOT = Path(__file__).parents[3]


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """A draft that bears the small package's name, in a version that nobody has."""
    file = tmp_path / "my.card.yaml"
    content = yaml.safe_load((ROOT / EXAMPLE).read_text()) | {"name": "small", "version": "9.0.0"}
    file.write_text(yaml.safe_dump(content))
    return file


def test_no_second_package_of_a_name_is_written_into_the_folder_of_packages(
    draft: Path, write_small_package: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_small_package()
    installed = first.parent
    monkeypatch.chdir(installed)
    for out in (installed / "second", Path("second")):
        with pytest.raises(PackageError, match=r"package-doubled name=small .*version=1\.2\.3") as caught:
            pack(tmp_path / "no-run", tmp_path, draft, Parts(), out, installed)
        assert "new version" not in str(caught.value)
        assert str(first) in str(caught.value)
    assert [folder.parent for folder in installed.glob(f"*/{CARD}")] == [first]


@pytest.mark.parametrize(
    ("recipe", "key"), [({"recipe": "old", "schema": 1}, "recipe.schema"), ("head", "recipe"), (None, "recipe")]
)
def test_a_run_whose_recipe_is_none_any_more_is_refused_by_name(
    draft: Path, tmp_path: Path, recipe: object, key: str
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(
        json.dumps({"recipe": recipe, "parent": None, "cases": [], "held_out": 1, "learnt_from": []})
    )
    with pytest.raises(RecipeError, match=r"run-unreadable .*remedy=pack it with the version") as caught:
        pack(run, tmp_path, draft, Parts(), tmp_path / "package")
    assert caught.value.parameters["file"] == str(run / "run.json")
    assert caught.value.parameters["key"] == key


@pytest.mark.parametrize("out", ["small", "elsewhere/second"])
def test_a_new_version_may_replace_the_old_and_may_lie_elsewhere(
    draft: Path, write_small_package: Callable[[], Path], tmp_path: Path, out: str
) -> None:
    installed = write_small_package().parent
    with pytest.raises(RecipeError, match="run-absent"):  # the name was no reason to refuse it
        pack(tmp_path / "no-run", tmp_path, draft, Parts(), tmp_path / out, installed)
