"""A package loads only as what its card says it is."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.errors import PackageError, PackageTampered
from models.packages import content_hash, installed, load_package

Writer = Callable[[], Path]


def rewritten(folder: Path, **changes: object) -> None:
    """Change entries of the card and state the hash anew, as a careless author would."""
    card = yaml.safe_load((folder / "card.yaml").read_text()) | changes
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    (folder / "card.yaml").write_text(yaml.safe_dump(card | {"sha256": content_hash(folder)}))


def test_a_whole_package_loads(write_small_package: Writer) -> None:
    package = load_package(write_small_package())
    assert package.card.name == "small"
    assert package.card.sha256 == package.sha256
    assert package.card.inputs[0].field_strength_tesla == (1.0, 3.5)


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize("position", [0, 100, -1])
def test_one_changed_byte_of_the_weights_is_found(write_small_package: Writer, position: int) -> None:
    folder = write_small_package()
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[position] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(PackageTampered) as caught:
        load_package(folder)
    assert caught.value.code == "package-tampered"
    assert caught.value.parameters["folder"] == str(folder)


@pytest.mark.hazard("HAZ-15")
def test_a_changed_limit_on_the_card_is_found(write_small_package: Writer) -> None:
    folder = write_small_package()
    text = (folder / "card.yaml").read_text()
    (folder / "card.yaml").write_text(text.replace("age_years_min: 18", "age_years_min: 1"))
    with pytest.raises(PackageTampered):
        load_package(folder)


@pytest.mark.hazard("HAZ-15")
def test_a_card_without_hash_is_not_believed(write_small_package: Writer) -> None:
    folder = write_small_package()
    card = yaml.safe_load((folder / "card.yaml").read_text())
    del card["sha256"]
    (folder / "card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(PackageTampered):
        load_package(folder)


def test_layout_of_the_yaml_is_not_content(write_small_package: Writer) -> None:
    folder = write_small_package()
    before = load_package(folder).sha256
    text = (folder / "card.yaml").read_text()
    (folder / "card.yaml").write_text("# a remark\n" + text)
    assert load_package(folder).sha256 == before


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize("name", ["weights.pt", "model.pkl", "run.py", "__init__.py"])
def test_a_file_that_could_run_is_refused(write_small_package: Writer, name: str) -> None:
    folder = write_small_package()
    (folder / name).write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    assert caught.value.code == "package-stranger"
    assert caught.value.parameters["file"] == name


def test_a_link_in_place_of_the_weights_is_refused(write_small_package: Writer, tmp_path: Path) -> None:
    folder = write_small_package()
    (folder / "weights.safetensors").rename(tmp_path / "elsewhere")
    (folder / "weights.safetensors").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PackageError, match="package-stranger"):
        load_package(folder)


@pytest.mark.hazard("HAZ-15")
def test_a_pickle_named_safetensors_is_refused(write_small_package: Writer) -> None:
    folder = write_small_package()
    (folder / "weights.safetensors").write_bytes(pickle.dumps({"a": list(range(100))}))
    rewritten(folder)
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    assert caught.value.code == "weights-unreadable"


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"colour": "red"}, "colour"),
        ({"status": "released"}, "status"),
        ({"name": "../small"}, "name"),
        ({"limits": []}, "limits"),
    ],
)
def test_a_card_off_its_schema_is_refused_by_key(
    write_small_package: Writer, changes: dict[str, object], key: str
) -> None:
    folder = write_small_package()
    rewritten(folder, **changes)
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    assert caught.value.code == "card-invalid"
    assert caught.value.parameters["key"] == key


@pytest.mark.parametrize("schema", [1, 2, None, "3"])
def test_a_card_of_another_schema_is_refused_with_what_to_do(write_small_package: Writer, schema: object) -> None:
    folder = write_small_package()
    rewritten(folder, schema=schema)
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    assert caught.value.code == "card-schema"
    assert caught.value.parameters["accepted"] == "3"
    assert "again" in str(caught.value.parameters["remedy"])


@pytest.mark.parametrize("missing", ["card.yaml", "weights.safetensors", "golden/mr.nii.gz", "golden/output.nii.gz"])
def test_an_incomplete_package_names_what_is_missing(write_small_package: Writer, missing: str) -> None:
    folder = write_small_package()
    (folder / missing).unlink()
    if missing != "card.yaml":
        rewritten(folder)
    with pytest.raises(PackageError) as caught:
        load_package(folder)
    assert caught.value.parameters["missing"] == missing


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="package-absent"):
        load_package(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "- a list", "{", "\x00"])
def test_a_card_that_is_no_mapping(write_small_package: Writer, text: str) -> None:
    folder = write_small_package()
    (folder / "card.yaml").write_text(text)
    with pytest.raises(PackageError, match="card-unreadable"):
        load_package(folder)


def test_installed_finds_shipped_and_own(write_small_package: Writer) -> None:
    folder = write_small_package()
    found = installed(folder.parent)
    assert found["small"].folder == folder
    assert set(installed()) == set(found) - {"small"}


def test_two_packages_of_one_name_are_refused(write_small_package: Writer) -> None:
    folder = write_small_package()
    twin = folder.parent / "twin"
    twin.mkdir()
    shutil.copytree(folder, twin, dirs_exist_ok=True)
    with pytest.raises(PackageError, match="package-doubled"):
        installed(folder.parent)


def test_importing_packages_does_not_import_torch() -> None:
    code = "import sys, models.packages, models.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.hazard("HAZ-07")
def test_a_card_that_states_a_gate_without_weights_does_not_load(
    write_small_package: Writer, small_card: dict[str, object]
) -> None:
    small_card["gate"] = {
        "threshold": 0.0,
        "false_refusals": 0.0,
        "false_acceptances": {"noise": 0.0},
        "cases": 1,
        "protocol": "none",
    }
    with pytest.raises(PackageError, match="gate-unfit"):
        write_small_package()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"body_site": "Head"}, "body_site"),
        ({"outside": -2000.0}, "outside"),
    ],
)
def test_a_card_that_would_pass_over_a_rule_is_refused(
    write_small_package: Writer, small_card: dict[str, Any], changes: dict[str, object], found: str
) -> None:
    """Rules of the head are asked of `head`, in this spelling; values outside lie within the stated range."""
    if "outside" in changes:
        small_card["output"] |= changes
    else:
        small_card |= changes
    with pytest.raises(PackageError) as caught:
        write_small_package()
    assert caught.value.code == "card-invalid"
    assert found in str(caught.value.parameters)


def test_what_a_file_manager_leaves_is_refused_with_what_to_do(write_small_package: Writer) -> None:
    folder = write_small_package()
    (folder / ".DS_Store").write_text("")
    with pytest.raises(PackageError, match="package-stranger") as caught:
        load_package(folder)
    assert caught.value.parameters["remedy"] == f"remove {folder / '.DS_Store'}"


@pytest.mark.parametrize("text", ["[", "- a list", "a: 2026-01-01"])
def test_a_card_that_cannot_be_read_is_refused_with_what_to_do(write_small_package: Writer, text: str) -> None:
    folder = write_small_package()
    (folder / "card.yaml").write_text(text)
    with pytest.raises(PackageError, match="card-unreadable") as caught:
        load_package(folder)
    assert caught.value.parameters["remedy"] == "install the package again from its source"
