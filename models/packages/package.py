"""Packages as they are used: read once, verified whole, and never believed again without their hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from models.errors import PackageError, PackageTampered
from models.packages.card import SCHEMA, Card
from models.packages.contents import (
    AGAIN,
    CARD,
    GOLDEN_OUTPUT,
    card_content,
    digests,
    golden_file,
    network_file,
    whole_hash,
)


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
                folder=str(self.folder), file=name, found=found, stated=self.digests.get(name, "none"), remedy=AGAIN
            )
        return content


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
        raise PackageTampered(folder=str(folder), found=found, stated=str(stated), remedy=AGAIN)
    card = card_of(content, folder)
    _check_files(folder, card, each)
    package = ModelPackage(folder, card, found, each)
    if card.network.kind == "onnx":
        from models.packages.onnx_file import check_onnx

        check_onnx(package.weights)
    else:
        _check_safetensors(package.weights, card)
    return package


def card_of(content: Mapping[str, Any], place: Path) -> Card:
    """Return the card with that content.

    Parameters
    ----------
    place
        What an error names: a package's folder, or the file that a person wrote.

    Raises
    ------
    PackageError
        ``card-invalid``, with the keys that do not follow the schema, all of them up to `_MOST_KEYS`.
    """
    try:
        return Card.model_validate(content)
    except ValidationError as why:
        found = [(".".join(str(part) for part in one["loc"]), one["msg"]) for one in why.errors()]
        # A list whose one item is wrong counts as too short as well: the item says more.
        wrong = [(key, message) for key, message in found if not any(other.startswith(f"{key}.") for other, _ in found)]
        findings = [f"{key}: {message}" if key else message for key, message in wrong[:_MOST_KEYS]]
        more = [f"and {len(wrong) - _MOST_KEYS} more"] if len(wrong) > _MOST_KEYS else []
        named = {"file" if place.is_file() else "folder": str(place)}
        raise PackageError(
            "card-invalid",
            **named,
            key=", ".join(key for key, _ in wrong[:_MOST_KEYS]),
            found="; ".join([*findings, *more]),
            remedy="docs/packages.md has a complete card",
        ) from why


_MOST_KEYS = 8


def _check_files(folder: Path, card: Card, each: Mapping[str, str]) -> None:
    needed = {
        CARD,
        network_file(card.network.kind),
        golden_file(GOLDEN_OUTPUT),
        *(golden_file(one.name) for one in card.inputs),
    }
    if missing := sorted(needed - set(each)):
        raise PackageError("package-incomplete", folder=str(folder), missing=", ".join(missing), remedy=AGAIN)
    if strangers := sorted(set(each) - needed):
        raise PackageError(
            "package-stranger",
            folder=str(folder),
            file=strangers[0],
            accepted=", ".join(sorted(needed)),
            remedy=f"remove {folder / strangers[0]}",
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
