"""Where a package may be written to: a place that is new, in a folder that is there, and called what it will be."""

from __future__ import annotations

from pathlib import Path

from models.errors import PackageError

ARCHIVE, GRAPH = ".zip", ".onnx"

_OTHER_FILES = (".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".onnx", ".safetensors", ".pt", ".yaml")
"""Endings of files that are not written; a folder called so would be taken for one."""


def check_outgoing(out: Path, *endings: str) -> None:
    """Refuse a place to which a package cannot be written, before anything is computed.

    Parameters
    ----------
    endings
        Of the files that may be written. Where they hold ``.zip``, a new folder may be meant as well.

    Raises
    ------
    PackageError
        ``out-unfit`` for another ending or a folder that is missing; ``out-exists`` where something lies.
    """
    ending = out.suffix.lower()
    accepted = f"a file that ends in {' or '.join(endings)}"
    if ARCHIVE in endings:
        accepted += ", or a new folder"
    if ending not in endings and (ARCHIVE not in endings or ending in _OTHER_FILES):
        remedy = "add --onnx for the network alone" if ending == GRAPH else "give it another name"
        raise PackageError("out-unfit", found=str(out), accepted=accepted, remedy=remedy)
    if not out.absolute().parent.is_dir():
        raise PackageError(
            "out-unfit", found=str(out), accepted=accepted, remedy=f"make the folder {out.parent}, which is not there"
        )
    if out.exists() or out.is_symlink():
        raise PackageError("out-exists", found=str(out), accepted=accepted, remedy="remove it first, or name another")
