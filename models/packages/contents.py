"""What may lie in a package's folder, and the one hash over it.

::

    card.yaml
    weights.safetensors     or model.onnx, as the card's network.kind says
    golden/INPUT.nii.gz     one for each input
    golden/output.nii.gz

Nothing else may be there: no file that could run, no link, no folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from models.errors import PackageError

CARD = "card.yaml"
WEIGHTS = "weights.safetensors"
ONNX = "model.onnx"
GOLDEN = "golden"
GOLDEN_OUTPUT = "output"

AGAIN = "install the package again from its source"
"""What helps against a package that is not as it was made."""

LARGEST_CARD = 1_000_000
"""Bytes."""

_LARGEST_GOLDEN = 1_000_000


def golden_file(name: str) -> str:
    """Return the path within a package of the golden image called `name`: an input's name, or ``output``."""
    return f"{GOLDEN}/{name}.nii.gz"


def network_file(kind: str) -> str:
    """Return the path within a package of the file that holds a network of that kind."""
    return ONNX if kind == "onnx" else WEIGHTS


def card_content(folder: Path) -> dict[str, Any]:
    """Return the card as YAML has it.

    Raises
    ------
    PackageError
        If it is missing or no mapping.
    """
    file = folder / CARD
    try:
        if file.stat().st_size > LARGEST_CARD:
            most = f"up to {LARGEST_CARD} bytes"
            raise PackageError("card-unreadable", folder=str(folder), found="too large", accepted=most, remedy=AGAIN)
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as why:
        found = " ".join(str(why).split())
        raise PackageError("card-unreadable", folder=str(folder), found=found, accepted="YAML", remedy=AGAIN) from why
    if not isinstance(content, dict):
        found = type(content).__name__
        raise PackageError("card-unreadable", folder=str(folder), found=found, accepted="a mapping", remedy=AGAIN)
    return content


def files_in(folder: Path) -> tuple[str, ...]:
    """Return the paths of a package's files within `folder`, in order.

    Raises
    ------
    PackageError
        If the folder is not there (``package-absent``), holds something that no package may hold
        (``package-stranger``), or a golden image is too large (``golden-too-large``).
    """
    accepted = f"{CARD}, {WEIGHTS} or {ONNX}, {GOLDEN}/*.nii.gz, as plain files"
    found: list[str] = []
    for file in (*_listed(folder), *(_listed(folder / GOLDEN) if _is_folder(folder / GOLDEN) else ())):
        name = file.relative_to(folder).as_posix()
        inner = file.parent != folder
        if _is_folder(file) and name == GOLDEN:
            continue
        fits = name.endswith(".nii.gz") if inner else name in (CARD, WEIGHTS, ONNX)
        if not fits or file.is_symlink() or not file.is_file():
            raise PackageError(
                "package-stranger", folder=str(folder), file=name, accepted=accepted, remedy=f"remove {file}"
            )
        if inner and file.stat().st_size > _LARGEST_GOLDEN:
            raise PackageError(
                "golden-too-large", folder=str(folder), file=name, accepted=f"up to {_LARGEST_GOLDEN} bytes"
            )
        found.append(name)
    return tuple(sorted(found))


def digests(folder: Path) -> Mapping[str, str]:
    """Return the SHA-256 of each file by its path; of the card, of its content without the entry ``sha256``.

    Raises
    ------
    PackageError
        As `files_in` and `card_content`.
    """
    names = files_in(folder)
    if CARD not in names:
        raise PackageError("package-incomplete", folder=str(folder), missing=CARD)
    content = {key: value for key, value in card_content(folder).items() if key != "sha256"}
    try:
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()
    except TypeError as why:
        raise PackageError("card-unreadable", folder=str(folder), found=str(why), remedy=AGAIN) from why
    return {
        name: hashlib.sha256(canonical).hexdigest() if name == CARD else _file_digest(folder / name) for name in names
    }


def whole_hash(each: Mapping[str, str]) -> str:
    """Return the one hash over the files' digests by path."""
    whole = hashlib.sha256()
    for name, digest in sorted(each.items()):
        whole.update(f"{name}\0{digest}\n".encode())
    return whole.hexdigest()


def content_hash(folder: Path) -> str:
    """Return the SHA-256 over a package's files by path, the card's own entry ``sha256`` left out."""
    return whole_hash(digests(folder))


def _file_digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as why:
        raise PackageError("package-absent", folder=str(folder), found=why.strerror or str(why)) from why


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
