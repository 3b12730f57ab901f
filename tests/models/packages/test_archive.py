"""A package travels as one file and arrives as what it was, or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.cli import app
from models.errors import PackageError, PackageTampered
from models.packages import load_package
from models.packages.archive import copy_package, install, write_archive

Writer = Callable[[], Path]


def test_there_and_back_keeps_the_hash(write_small_package: Writer, tmp_path: Path) -> None:
    package = load_package(write_small_package())
    write_archive(package, tmp_path / "small.zip")
    arrived = install(tmp_path / "small.zip", tmp_path / "site").package
    assert arrived.sha256 == package.sha256
    assert arrived.folder == tmp_path / "site" / "small"
    assert load_package(arrived.folder).sha256 == package.sha256
    assert [file.name for file in (tmp_path / "site").iterdir()] == ["small"]


def test_the_same_package_gives_the_same_bytes(write_small_package: Writer, tmp_path: Path) -> None:
    package = load_package(write_small_package())
    copied = copy_package(package, tmp_path / "copy")
    write_archive(package, tmp_path / "one.zip")
    write_archive(copied, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_the_same_package_is_not_copied_again(write_small_package: Writer, tmp_path: Path) -> None:
    folder, site = write_small_package(), tmp_path / "site"
    write_archive(load_package(folder), tmp_path / "small.zip")
    first = install(folder, site)
    for source in (folder, tmp_path / "small.zip"):
        again = install(source, site)
        assert (again.copied, again.package) == (False, first.package)
    assert [file.name for file in site.iterdir()] == ["small"]


def test_what_the_software_brings_is_not_imported_beside_it(tmp_path: Path) -> None:
    """As the documentation has it: exported and imported again, it must not stand in its own way."""
    archive, site = str(tmp_path / "h.zip"), tmp_path / "site"
    told = CliRunner().invoke(app, ["export", "head-mr-to-ct", "--out", archive])
    assert told.exit_code == 0, told.output
    told = CliRunner().invoke(app, ["import", "package", archive, "--packages", str(site)])
    assert told.exit_code == 0, told.output
    (line,) = told.output.strip().splitlines()
    assert "head-mr-to-ct" in line
    assert "is there already" in line
    assert not site.exists()


@pytest.mark.parametrize("version", ["1.2.3", "2.0.0"])
@pytest.mark.parametrize("zipped", [True, False])
def test_another_package_of_a_name_that_is_taken_is_refused(
    write_small_package: Writer, small_card: dict[str, Any], tmp_path: Path, zipped: bool, version: str
) -> None:
    site = tmp_path / "site"
    install(write_small_package(), site)
    small_card |= {"version": version, "licence": "another"}
    source = write_small_package()
    if zipped:
        write_archive(load_package(source), tmp_path / "other.zip")
        source = tmp_path / "other.zip"
    before = sorted(site.rglob("*"))
    with pytest.raises(PackageError) as refused:
        install(source, site)
    assert refused.value.code == "package-doubled"
    assert refused.value.parameters["first"] == str(site / "small")
    remedy = str(refused.value.parameters["remedy"])
    assert "anew under another name" in remedy
    assert "on its card" not in remedy, "a finished card that is edited no longer has its hash"
    assert sorted(site.rglob("*")) == before


@pytest.mark.hazard("HAZ-15")
def test_an_archive_that_only_claims_to_be_what_is_there_is_found(write_small_package: Writer, tmp_path: Path) -> None:
    folder, site = write_small_package(), tmp_path / "site"
    install(folder, site)
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    with pytest.raises(PackageTampered):
        install(folder, site)


@pytest.mark.hazard("HAZ-15")
def test_an_archive_with_a_changed_byte_does_not_arrive(write_small_package: Writer, tmp_path: Path) -> None:
    folder = write_small_package()
    with zipfile.ZipFile(tmp_path / "small.zip", "w") as archive:
        for name in ("card.yaml", "weights.safetensors", "golden/mr.nii.gz", "golden/output.nii.gz"):
            content = bytearray((folder / name).read_bytes())
            content[-1] ^= name.startswith("weights")
            archive.writestr(name, bytes(content))
    with pytest.raises(PackageTampered):
        install(tmp_path / "small.zip", tmp_path / "site")
    assert not list((tmp_path / "site").iterdir())


@pytest.mark.hazard("HAZ-15")
@pytest.mark.parametrize(
    "name", ["../outside.yaml", "/tmp/outside.yaml", "golden/../../outside", "model.pkl", "golden/"]
)
def test_an_entry_that_is_no_packages_is_refused_by_name(
    write_small_package: Writer, tmp_path: Path, name: str
) -> None:
    write_archive(load_package(write_small_package()), tmp_path / "small.zip")
    with zipfile.ZipFile(tmp_path / "small.zip", "a") as archive:
        archive.writestr(name, b"")
    with pytest.raises(PackageError) as caught:
        install(tmp_path / "small.zip", tmp_path / "site")
    assert caught.value.parameters["entry"] == name
    assert not list((tmp_path / "site").iterdir())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "small.zip").write_bytes(content)
    with pytest.raises(PackageError, match="archive-unreadable"):
        install(tmp_path / "small.zip", tmp_path / "site")


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("name", ["card.yaml", "weights.safetensors"])
def test_an_archive_that_others_packed_and_that_was_damaged_is_refused_in_one_line(
    write_small_package: Writer, tmp_path: Path, packing: int, name: str
) -> None:
    """Ours are not compressed; one that was zipped by hand is, and its streams fail in ways of their own."""
    folder, file = write_small_package(), tmp_path / "small.zip"
    with zipfile.ZipFile(file, "w", packing) as archive:
        for inner in ("card.yaml", "weights.safetensors", "golden/mr.nii.gz", "golden/output.nii.gz"):
            archive.write(folder / inner, inner)
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        entry = archive.getinfo(name)
    # Behind LZMA's own header: its packer's version may be another, and nothing is lost.
    first = entry.header_offset + 30 + len(name) + 9
    for at in range(first, first + min(entry.compress_size - 9, 20)):
        file.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        with pytest.raises(PackageError, match="archive-unreadable"):
            install(file, tmp_path / "site")
    assert not any((tmp_path / "site").glob("*"))


def test_the_commands_bring_a_package_from_one_site_to_another(write_small_package: Writer, tmp_path: Path) -> None:
    folder, site = write_small_package(), str(tmp_path / "site")
    for command in (
        ["export", str(folder), "--out", str(tmp_path / "small.zip")],
        ["import", "package", str(tmp_path / "small.zip"), "--packages", site],
        ["show", "small", "--packages", site],
    ):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    assert "Research use only." in result.output
    listed = CliRunner(env={"SYNTHNODE_COMPUTE__PACKAGES": site}).invoke(app, ["list"])
    assert "small  1.2.3" in listed.output
