"""How the commands of this floor tell results and refusals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from models.errors import NO_ROOM, ModelsError, RunStopped, StorageFull
from models.packages import ModelPackage
from models.reasons import text

Json = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one JSON object (or list) as the last line; what is told to people goes to standard error.",
    ),
]
PACKAGES_VARIABLE = "SYNTHNODE_COMPUTE__PACKAGES"
"""Names the folder of a site's own packages, to a node as to these commands."""

Packages = Annotated[
    Path | None, typer.Option(envvar=PACKAGES_VARIABLE, help="A folder of packages beside the shipped ones.")
]


def for_people(json: bool) -> Callable[[str], None]:
    """Return what tells progress and results to people: on standard error where standard output is for a program."""
    return partial(typer.echo, err=json)


@contextmanager
def explain_refusals() -> Iterator[None]:
    """Print in one line what we or the file system refused, and what helps, instead of a traceback; exit status 2."""
    try:
        yield
    except ModelsError as why:
        complain(why)
        raise typer.Exit(2) from why
    except OSError as why:
        if why.errno not in NO_ROOM and why.filename is None:  # no file that a person named: a defect of ours
            raise
        refused = ModelsError("file-system-refused", file=str(why.filename), found=str(why.strerror))
        complain(_full(why) if why.errno in NO_ROOM else refused)
        raise typer.Exit(2) from why


def complain(error: ModelsError) -> None:
    """Print on standard error the code of `error` and its sentence."""
    typer.echo(f"synthnode {error.code}: {text(error)}", err=True)


def _full(why: OSError) -> StorageFull:
    # Opening a file names it, writing to it does not.
    place = {} if why.filename is None else {"place": str(why.filename)}
    found = os.strerror(why.errno or 0)
    return StorageFull(**place, found=found, remedy="make room where the command writes, then give it again")


@contextmanager
def explain_stops() -> Iterator[None]:
    """Tell in one line where a run was stopped and how it goes on; exit status 128 and the signal's number."""
    try:
        yield
    except RunStopped as why:
        complain(why)
        raise typer.Exit(128 + why.signal) from why


def print_package(package: ModelPackage, json: bool) -> None:
    """Print which package was made or verified."""
    if json:
        typer.echo(as_json({"verified": True, **brief(package)}))
    else:
        typer.echo(f"{package.card.name} {package.card.version} in {package.folder}, sha256 {package.sha256}")


def brief(package: ModelPackage) -> dict[str, str]:
    """Return what names a package."""
    card = package.card
    return {
        "name": card.name,
        "version": card.version,
        "status": card.status.value,
        "sha256": package.sha256,
        "folder": str(package.folder),
    }


def figures_line(case: str, method: str, contrast: str, figures: Mapping[str, object]) -> str:
    """Return one method's figures on one case as a line, with the decimals that mean something."""
    from models.metrics.figures import figure_of

    values = "  ".join(
        f"{key} {value:.{figure_of(key).digits}f}" for key, value in figures.items() if isinstance(value, float)
    )
    return f"{case}  {method}  {contrast}  {values}"


def as_json(content: object) -> str:
    """Return `content` as one line of JSON."""
    return dumps(content)
