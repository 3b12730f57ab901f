"""Packages as they are used: read once, verified whole, and never believed again without their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from models.errors import PackageError, PackageTampered
from models.packages.card import SCHEMA, Card
from models.packages.contents import (
    CARD,
    GOLDEN_OUTPUT,
    card_content,
    digests,
    golden_file,
    network_file,
    whole_hash,
)

SHIPPED = ("head-mr-to-ct",)
"""Packages that the software brings; all others are imported into a folder of the site's own."""


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
    digests
        SHA-256 of each of its files by path within the folder, as it was then.
    """

    folder: Path
    card: Card = field(hash=False)
    sha256: str
    digests: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)

    @property
    def weights(self) -> Path:
        """The file that holds the network."""
        return self.folder / network_file(self.card.network.kind)

    def content(self, name: str) -> bytes:
        """Return the bytes of the file at the path `name`, as they were when the package was verified.

        Raises
        ------
        PackageTampered
            If they have changed since.
        """
        content = (self.folder / name).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.digests.get(name):
            raise PackageTampered(
                folder=str(self.folder), file=name, found=found, stated=self.digests.get(name, "none"), remedy=_AGAIN
            )
        return content


_AGAIN = "install the package again from its source"


def load_package(folder: Path) -> ModelPackage:
    """Read a package and verify it.

    Raises
    ------
    PackageError
        If a file is missing, is one too many, cannot be what it is called, or does not follow its schema.
    PackageTampered
        If the content does not have the hash that the card states.
    """
    each = digests(folder)
    content = card_content(folder)
    stated, found = content.get("sha256"), whole_hash(each)
    if content.get("schema") != SCHEMA:
        # Older packages had another hash too; what is told first is what helps.
        raise PackageError(
            "card-schema",
            folder=str(folder),
            found=str(content.get("schema")),
            accepted=str(SCHEMA),
            remedy="pack or import it again",
        )
    if stated != found:
        raise PackageTampered(folder=str(folder), found=found, stated=str(stated), remedy=_AGAIN)
    card = card_of(content, folder)
    _refuse_other_files(folder, card, each)
    package = ModelPackage(folder, card, found, each)
    if card.network.kind == "onnx":
        from models.packages.onnx_file import check_onnx

        check_onnx(package.weights)
    else:
        _check_safetensors(package.weights, card)
    return package


def card_of(content: Mapping[str, Any], folder: Path) -> Card:
    """Return the card with that content.

    Raises
    ------
    PackageError
        ``card-invalid``, with the first key that does not follow the schema.
    """
    try:
        return Card.model_validate(content)
    except ValidationError as why:
        first = why.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PackageError("card-invalid", folder=str(folder), key=key, found=first["msg"]) from why


def installed(extra: Path | None = None) -> Mapping[str, ModelPackage]:
    """Return all packages by name: those shipped with the software and those in the folder `extra`.

    Raises
    ------
    PackageError
        If one cannot be loaded, or two have the same name.
    """
    library = Path(str(files("models") / "library"))
    found: dict[str, ModelPackage] = {}
    for folder in [*(library / name for name in SHIPPED), *(_packages_in(extra) if extra else [])]:
        package = load_package(folder)
        if (other := found.get(package.card.name)) is not None:
            raise PackageError("package-doubled", name=package.card.name, first=str(other.folder), second=str(folder))
        found[package.card.name] = package
    return found


def package_named(which: str, extra: Path | None = None) -> ModelPackage:
    """Return the package that `which` names: an installed one by its name, else the one in the folder of that path.

    Raises
    ------
    PackageError
        ``package-unknown``, or as `load_package`.
    """
    found = installed(extra)
    if which in found:
        return found[which]
    if (Path(which) / CARD).is_file():
        return load_package(Path(which))
    raise PackageError("package-unknown", found=which, accepted=f"{', '.join(found)}, or a package's folder")


def _packages_in(folder: Path) -> list[Path]:
    return sorted(inner for inner in folder.glob("*") if (inner / CARD).is_file()) if folder.is_dir() else []


def _refuse_other_files(folder: Path, card: Card, each: Mapping[str, str]) -> None:
    needed = {
        CARD,
        network_file(card.network.kind),
        golden_file(GOLDEN_OUTPUT),
        *(golden_file(one.name) for one in card.inputs),
    }
    if missing := sorted(needed - set(each)):
        raise PackageError("package-incomplete", folder=str(folder), missing=", ".join(missing))
    if strangers := sorted(set(each) - needed):
        raise PackageError(
            "package-stranger", folder=str(folder), file=strangers[0], accepted=", ".join(sorted(needed))
        )


def _check_safetensors(file: Path, card: Card) -> None:
    try:
        with safe_open(file, framework="np") as weights:
            names = list(weights.keys())
    except (SafetensorError, OSError) as why:
        raise PackageError("weights-unreadable", file=str(file), found=str(why), accepted="safetensors") from why
    if card.gate is not None and not any(name.startswith("gate.") for name in names):
        raise PackageError("gate-unfit", file=str(file), found="a card that states a gate, and no tensors gate.*")
    if not names:
        raise PackageError("weights-unreadable", file=str(file), found="no tensors", accepted="safetensors")
