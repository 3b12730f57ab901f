"""What would lose hours of training at its end is refused before them, or loses nothing."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from site_pairs import write_site
from training_toys import Told

from models.errors import ModelsError, PackageError, StorageFull
from models.packages import ModelPackage, load_package
from models.training.disk_space import Need
from models.training.finetune import run
from models.training.finetune.claim import PACKAGE, REPORT
from models.training.finetune.naming import name_for
from models.training.finetune.plan import FinetunePlan
from models.training.finetune.run import Finetuned, finetune
from models.training.schedule import Span

PLAN = FinetunePlan(Span(steps=4), folds=3, patches=1)


def tuned(package: ModelPackage, site: Path, out: Path, **options: Any) -> Finetuned:
    return finetune(package, site, out, PLAN, torch.device("cpu"), lambda title: Told(), **{"resume": False, **options})


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Bad Name", r"name-unfit option=--name found=Bad Name accepted=1 to 63"),
        ("", r"name-unfit"),
        ("head-mr-to-ct", r"package-doubled name=head-mr-to-ct .*remedy=.*--name"),
        ("ours", r"package-doubled name=ours .*remedy=.*--name"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_first(
    name: str, told: str, write_small_package: Callable[[], Path], small_card: dict[str, object], tmp_path: Path
) -> None:
    small_card["name"] = "ours"
    package = load_package(write_small_package())
    with pytest.raises(ModelsError, match=told):
        tuned(package, tmp_path / "nowhere", tmp_path / "out", name=name, packages=tmp_path)
    assert not (tmp_path / "out").exists()


def test_without_a_name_it_is_the_parents_with_a_suffix_unless_that_is_taken(
    write_small_package: Callable[[], Path], small_card: dict[str, object], tmp_path: Path
) -> None:
    place = tmp_path / "out" / "package"
    assert name_for("head-mr-to-ct", None, place, tmp_path) == "head-mr-to-ct-finetuned"
    assert len(name_for("a" * 63, None, place, tmp_path)) == 63
    small_card["name"] = "ours-finetuned"
    folder = write_small_package()
    for parent in ("ours", "ours-finetuned"):
        with pytest.raises(PackageError, match=r"package-doubled name=ours-finetuned .*--name"):
            name_for(parent, None, place, tmp_path)
        assert name_for(parent, None, folder, tmp_path) == "ours-finetuned"


def test_no_room_for_the_package_loses_no_fold(
    untaught: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> ModelPackage:
        raise OSError(errno.ENOSPC, "No space left on device")

    site, out = write_site(tmp_path / "site", 3), tmp_path / "out"
    with monkeypatch.context() as changed:
        changed.setattr(run, "write_with_golden", full)
        with pytest.raises(
            StorageFull, match=r"storage-full place=.*/package found=No space left.*--resume; only what"
        ):
            tuned(untaught, site, out)
    assert not (out / PACKAGE).exists()
    folds = {file: file.read_bytes() for file in out.glob("folds/*/*") if file.is_file()}
    done = tuned(untaught, site, out, resume=True)
    assert done.package is not None
    assert json.loads((out / REPORT).read_text())["package"]["sha256"] == done.package.sha256
    assert {file: file.read_bytes() for file in folds} == folds


def test_the_room_that_is_asked_for_holds_the_package_too(
    untaught: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs: list[Need] = []

    def none_left(need: Need, *_: object, **__: object) -> None:
        needs.append(need)
        raise StorageFull("storage-short")

    monkeypatch.setattr(run, "check_disk_space", none_left)
    site, weights = write_site(tmp_path / "site", 3), untaught.weights.read_bytes()
    for content in (weights, weights + bytes(10_000)):
        untaught.weights.write_bytes(content)
        with pytest.raises(StorageFull, match="storage-short"):
            tuned(untaught, site, tmp_path / "out")
    assert needs[1].most == needs[0].most + 10_000
    assert needs[1].least == needs[0].least
