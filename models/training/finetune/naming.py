"""The name that a fine-tuned package gets: one that a card may have and no installed package has."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models.errors import PackageError, RecipeError
from models.packages.card import Name
from models.packages.installed import holder_of

_LENGTH = 63
_SUFFIX = "-finetuned"


def name_for(parent: str, asked: str | None, out: Path, packages: Path | None) -> str:
    """Return the name of the package that a fine-tuning of the package `parent` writes.

    Parameters
    ----------
    asked
        The name that a person gave; without one, the parent's with a suffix.
    out
        Where the new package will lie.
    packages
        Folder of the site's own packages, beside those of the software.

    Raises
    ------
    RecipeError
        ``name-unfit`` where no card may have it.
    PackageError
        ``package-doubled`` where an installed package has it: the new one could not be imported beside that.
    """
    name = finetuned_name(parent) if asked is None else asked
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as why:
        raise RecipeError(
            "name-unfit",
            option="--name",
            found=name,
            accepted=f"1 to {_LENGTH} of a to z, 0 to 9 and -, the first no -",
        ) from why
    holder = holder_of(name, packages)
    if holder is not None and holder.folder.resolve() != out.resolve():
        raise PackageError(
            "package-doubled",
            name=name,
            first=str(holder.folder),
            version=holder.version,
            accepted="one package of a name, of whatever version",
            remedy="give the new package another name by --name",
        )
    return name


def finetuned_name(name: str) -> str:
    """Return the name that a package gets when none is given."""
    return name if name.endswith(_SUFFIX) else f"{name[: _LENGTH - len(_SUFFIX)]}{_SUFFIX}"
