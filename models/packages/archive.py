"""A package as one file: a zip that is the same bytes whenever and wherever it is written, and its way back."""

from __future__ import annotations

import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from models.errors import NO_ROOM, PackageError
from models.packages.contents import CARD, GOLDEN, LARGEST_CARD, ONNX, WEIGHTS, card_content, files_in
from models.packages.installed import holder_of, taken
from models.packages.package import ModelPackage, load_package

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16
_LARGEST = 8_000_000_000
"""Bytes of a whole package, unpacked; what claims more is refused before it is read."""

_MOST_FILES = 64

_ANOTHER_NAME = "have the new one packed or imported anew under another name (a finished card cannot be edited)"

_UNREADABLE = (
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What is raised where an archive is damaged: in its list of entries, or in an entry's stream, however it is packed."""


def write_archive(package: ModelPackage, file: Path) -> None:
    """Write the package as a zip with its files in order, uncompressed and without times.

    Raises
    ------
    PackageTampered
        If a file changed since the package was verified.
    """
    part = file.with_name(f".part-{file.name}")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for name in files_in(package.folder):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system, entry.external_attr = 3, _MODE
                content = (package.folder / name).read_bytes() if name == CARD else package.content(name)
                archive.writestr(entry, content)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def copy_package(package: ModelPackage, folder: Path) -> ModelPackage:
    """Copy the package into the new folder `folder` and load it there.

    Raises
    ------
    PackageError
        ``package-exists`` when `folder` is there.
    """
    with _arriving(folder.parent) as part:
        for name in files_in(package.folder):
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.folder / name, part / name)
        return _settled(load_package(part), part, folder)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A package that lies among the installed ones now.

    Attributes
    ----------
    package
        Where it lies and what it is.
    copied
        False where the same bytes were there already and nothing was written.
    """

    package: ModelPackage
    copied: bool


def install(source: Path, packages: Path) -> Arrival:
    """Bring a package, a folder or an archive of `write_archive`, into the folder of packages under its own name.

    Raises
    ------
    PackageError
        If it is no whole package, or another one, shipped or in `packages`, has its name (``package-doubled``).
    PackageTampered
        If its content does not have its hash.
    """
    stated = card_content(source) if source.is_dir() else _card_within(source)
    if (holder := holder_of(str(stated.get("name")), packages)) is not None:
        if stated.get("sha256") != holder.sha256:
            raise taken(holder, _ANOTHER_NAME)
        _verify(source)
        return Arrival(load_package(holder.folder), copied=False)
    if source.is_dir():
        package = load_package(source)
        return Arrival(copy_package(package, packages / package.card.name), copied=True)
    with _arriving(packages) as part:
        _unpack(source, part)
        package = load_package(part)
        return Arrival(_settled(package, part, packages / package.card.name), copied=True)


def _verify(source: Path) -> None:
    # Elsewhere: where a package is already, nothing is written, not even for a moment.
    if source.is_dir():
        load_package(source)
        return
    with TemporaryDirectory() as elsewhere:
        _unpack(source, Path(elsewhere))
        load_package(Path(elsewhere))


def _card_within(source: Path) -> dict[str, Any]:
    with TemporaryDirectory() as elsewhere:
        try:
            with _explain_damage(source), zipfile.ZipFile(source) as archive, archive.open(CARD) as stream:
                (Path(elsewhere) / CARD).write_bytes(stream.read(LARGEST_CARD + 1))
        except KeyError as why:
            raise PackageError("package-incomplete", file=str(source), missing=CARD) from why
        return card_content(Path(elsewhere))


@contextmanager
def _arriving(parent: Path) -> Iterator[Path]:
    # Beside where it will lie, so that one rename settles it; the point keeps it from being listed.
    parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=".arriving-", dir=parent))
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _settled(package: ModelPackage, part: Path, folder: Path) -> ModelPackage:
    if folder.exists():
        raise PackageError("package-exists", folder=str(folder), remedy="remove it first, or choose another place")
    part.chmod(0o755)
    part.rename(folder)
    return replace(package, folder=folder)


def _unpack(source: Path, folder: Path) -> None:
    allowed = {CARD, WEIGHTS, ONNX}
    with _explain_damage(source), zipfile.ZipFile(source) as archive:
        entries = archive.infolist()
        names = [entry.filename for entry in entries]
        for name in names:
            inner = PurePosixPath(name)
            golden = len(inner.parts) == 2 and inner.parts[0] == GOLDEN and ".." not in inner.parts
            if name not in allowed and not golden:
                raise PackageError("package-stranger", file=str(source), entry=name, accepted="a package's files")
        if len(set(names)) != len(names) or len(names) > _MOST_FILES:
            raise PackageError("archive-unreadable", file=str(source), found="entries twice or too many")
        if sum(entry.file_size for entry in entries) > _LARGEST:
            raise PackageError("archive-unreadable", file=str(source), found="too large", accepted=f"{_LARGEST} bytes")
        (folder / GOLDEN).mkdir()
        for entry in entries:
            with archive.open(entry) as stream, (folder / entry.filename).open("wb") as target:
                shutil.copyfileobj(stream, target)


@contextmanager
def _explain_damage(source: Path) -> Iterator[None]:
    """Tell an archive that cannot be read as what it is; a disk without room for what is in it passes."""
    try:
        yield
    except _UNREADABLE as why:
        if isinstance(why, OSError) and why.errno in NO_ROOM:
            raise
        raise PackageError("archive-unreadable", file=str(source), found=str(why), accepted="a package's zip") from why
