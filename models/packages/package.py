"""Packages on disk: a folder with `card.yaml` and `weights.safetensors`, and nothing that could run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from models.errors import PackageError, PackageTampered
from models.packages.card import Card

CARD = "card.yaml"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A verified package.

    Attributes
    ----------
    folder
        Where it lies.
    card
        What it is.
    sha256
        Hash of its content, as computed when it was loaded.
    """

    folder: Path
    card: Card
    sha256: str

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.folder / WEIGHTS


def load_package(folder: Path) -> ModelPackage:
    """Read a package and verify it.

    Raises
    ------
    PackageError
        If a file is missing, is one too many (only card and safetensors may be there), or does not follow its schema.
    PackageTampered
        If the content does not have the hash that the card states.
    """
    _refuse_strangers(folder)
    content = _card_content(folder)
    stated, found = content.get("sha256"), content_hash(folder)
    if stated != found:
        raise PackageTampered(
            folder=str(folder), found=found, stated=str(stated), remedy="install the package again from its source"
        )
    try:
        card = Card.model_validate(content)
    except ValidationError as why:
        first = why.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PackageError("card-invalid", folder=str(folder), key=key, found=first["msg"]) from why
    try:
        with safe_open(folder / WEIGHTS, framework="np") as weights:
            names = list(weights.keys())
    except (SafetensorError, OSError) as why:
        raise PackageError("weights-unreadable", folder=str(folder), found=str(why)) from why
    if not names:
        raise PackageError("weights-unreadable", folder=str(folder), found="no tensors")
    return ModelPackage(folder, card, found)


def content_hash(folder: Path) -> str:
    """Return the SHA-256 over the package's files by name; of the card, its content without the entry ``sha256``."""
    content = {key: value for key, value in _card_content(folder).items() if key != "sha256"}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    whole = hashlib.sha256()
    for name, digest in ((CARD, hashlib.sha256(canonical)), (WEIGHTS, _file_hash(folder / WEIGHTS))):
        whole.update(f"{name}\0{digest.hexdigest()}\n".encode())
    return whole.hexdigest()


def installed(extra: Path | None = None) -> Mapping[str, ModelPackage]:
    """Return all packages by name: those shipped with the software and those in the folder `extra`.

    Raises
    ------
    PackageError
        If one cannot be loaded, or two have the same name.
    """
    found: dict[str, ModelPackage] = {}
    for folder in [*_packages_in(Path(str(files("models") / "library"))), *(_packages_in(extra) if extra else [])]:
        package = load_package(folder)
        if (other := found.get(package.card.name)) is not None:
            raise PackageError("package-doubled", name=package.card.name, first=str(other.folder), second=str(folder))
        found[package.card.name] = package
    return found


def _packages_in(folder: Path) -> list[Path]:
    return sorted(inner for inner in folder.glob("*") if (inner / CARD).is_file()) if folder.is_dir() else []


def _refuse_strangers(folder: Path) -> None:
    try:
        present = sorted(folder.iterdir())
    except OSError as why:
        raise PackageError("package-absent", folder=str(folder)) from why
    for file in present:
        if file.name not in (CARD, WEIGHTS) or file.is_symlink() or not file.is_file():
            raise PackageError(
                "package-stranger", folder=str(folder), file=file.name, accepted=f"{CARD} and {WEIGHTS}, as plain files"
            )
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise PackageError("package-incomplete", folder=str(folder), missing=name)


def _card_content(folder: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load((folder / CARD).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        raise PackageError("card-unreadable", folder=str(folder), found=str(why)) from why
    if not isinstance(content, dict):
        raise PackageError("card-unreadable", folder=str(folder), found=type(content).__name__, accepted="a mapping")
    return content


def _file_hash(file: Path) -> hashlib._Hash:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256")
