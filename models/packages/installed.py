"""Which packages there are, and which one a word names: one package has a name, of whatever version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from models.errors import PackageError
from models.packages.contents import CARD, card_content
from models.packages.package import ModelPackage, load_package

SHIPPED = ("head-mr-to-ct", "limb-mr-to-ct")
"""Packages that the software brings; all others are imported into a folder of the site's own."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The package that has a name already, as its card states it; it is not verified.

    Attributes
    ----------
    folder
        Where it lies.
    name, version, sha256
        As the card says.
    shipped
        Whether it came with the software and cannot be taken away.
    """

    folder: Path
    name: str
    version: str
    sha256: str
    shipped: bool


def installed(extra: Path | None = None) -> Mapping[str, ModelPackage]:
    """Return all packages by name: those shipped with the software and those in the folder `extra`.

    Raises
    ------
    PackageError
        If one cannot be loaded, two have the same name (``package-doubled``), or `extra` is no folder
        (``packages-folder-missing``).
    """
    found: dict[str, ModelPackage] = {}
    for folder in _folders(extra):
        package = load_package(folder)
        if (other := found.get(package.card.name)) is not None:
            raise _doubled(package.card.name, other.folder, folder)
        found[package.card.name] = package
    return found


def package_named(which: str, extra: Path | None = None) -> ModelPackage:
    """Return the package that `which` names: an installed one by its name, else the one in the folder of that path.

    Only what has that name is read: another package that is doubled or broken is no reason to refuse this one. A path
    with a separator, such as ``./head``, is never taken for a name.

    Raises
    ------
    PackageError
        ``package-unknown``, ``package-doubled``, ``packages-folder-missing``, or as `load_package`.
    """
    path = Path(which)
    if path.name == which and (named := _of_name(which, extra)) is not None:
        return load_package(named)
    if (path / CARD).is_file():
        return load_package(path)
    raise _unknown(which, _folders(extra))


def package_installed(name: str, extra: Path | None = None) -> ModelPackage:
    """Return the installed package of that name; other packages, doubled or broken ones too, are not loaded.

    Raises
    ------
    PackageError
        ``package-unknown``, ``package-doubled``, ``packages-folder-missing``, or as `load_package`.
    """
    if (folder := _of_name(name, extra)) is None:
        raise _unknown(name, _folders(extra))
    return load_package(folder)


def place_named(which: str, extra: Path | None = None) -> Path:
    """Return where the weights lie that `which` names: the folder of an installed package, else the path itself.

    Raises
    ------
    PackageError
        As `package_named`, where `which` is one word and neither an installed model's name nor the path of anything.
    """
    path = Path(which)
    if path.name != which or path.suffix or (path.exists() and holder_of(which, extra) is None):
        return path
    return package_named(which, extra).folder


def holder_of(name: str, extra: Path | None) -> Holder | None:
    """Return which package of those installed has that name, None where it is free.

    Parameters
    ----------
    extra
        A folder of packages; it need not be there.
    """
    for folder in _folders(extra if extra is not None and extra.is_dir() else None):
        card = _stated(folder)
        if card.get("name") == name:
            version, sha256 = str(card.get("version")), str(card.get("sha256"))
            return Holder(folder, name, version, sha256, folder in _shipped())
    return None


def check_name_free(name: str, out: Path, extra: Path | None) -> None:
    """Refuse to make a package in `out` whose name an installed one has, unless `out` is that one, to be replaced.

    Raises
    ------
    PackageError
        ``package-doubled``.
    """
    holder = holder_of(name, extra)
    if holder is not None and holder.folder.resolve() != out.resolve():
        raise taken(holder, "give the new one another name on its card and pack or import it with that")


def taken(holder: Holder, own: str) -> PackageError:
    """Return the refusal of another package that would have the name of `holder`.

    Parameters
    ----------
    own
        How the other one gets a name of its own.
    """
    return PackageError(
        "package-doubled",
        name=holder.name,
        first=str(holder.folder),
        version=holder.version,
        accepted="one package of a name, of whatever version",
        remedy=own if holder.shipped else f"remove {holder.folder} first, or {own}",
    )


def _shipped() -> tuple[Path, ...]:
    library = Path(str(files("models") / "library"))
    return tuple(library / name for name in SHIPPED)


def _folders(extra: Path | None) -> tuple[Path, ...]:
    """Return the folders of all packages; `extra` may be the very folder in which the shipped ones lie."""
    shipped = _shipped()
    if extra is None:
        return shipped
    real = {folder.resolve() for folder in shipped}
    return (*shipped, *(folder for folder in _packages_in(extra) if folder.resolve() not in real))


def _packages_in(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise PackageError(
            "packages-folder-missing",
            folder=str(folder),
            found="a file" if folder.exists() else "nothing",
            accepted="a folder with a folder for each package",
            remedy="give the folder's right path; `import package` makes it with the first package",
        )
    return tuple(sorted(inner for inner in folder.glob("[!.]*") if (inner / CARD).is_file()))


def _of_name(name: str, extra: Path | None) -> Path | None:
    named = [folder for folder in _folders(extra) if _stated(folder).get("name") == name]
    if len(named) > 1:
        raise _doubled(name, *named[:2])
    return named[0] if named else None


def _stated(folder: Path) -> Mapping[str, object]:
    try:
        return card_content(folder)
    except PackageError:
        return {}  # it has no name; whoever loads it hears why


def _doubled(name: str, first: Path, second: Path) -> PackageError:
    return PackageError(
        "package-doubled",
        name=name,
        first=str(first),
        second=str(second),
        accepted="one package of a name, of whatever version",
        remedy=f"move {second} out of the folder of packages; to keep both, pack or import one anew under another name",
    )


def _unknown(which: str, folders: tuple[Path, ...]) -> PackageError:
    names = [str(_stated(folder).get("name", folder.name)) for folder in folders]
    return PackageError("package-unknown", found=which, accepted=f"{', '.join(names)}, or a package's folder")
