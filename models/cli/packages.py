"""Commands about packages: list, show, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.cli.telling import Json, Packages, as_json, brief, refusals_told, tell_package
from models.errors import PackageError
from models.packages import card_text, installed, load_package


def list_packages(packages: Packages = None, json: Json = False) -> None:
    """List the installed models."""
    with refusals_told():
        found = installed(packages)
    for package in found.values():
        typer.echo(f"{package.card.name}  {package.card.version}  {package.card.status}  {package.card.task}")
    if json:
        typer.echo(as_json([brief(package) for package in found.values()]))


def show(
    name: Annotated[str, typer.Argument(help="Name of an installed model.")],
    packages: Packages = None,
    json: Json = False,
) -> None:
    """Print an installed model's card."""
    with refusals_told():
        found = installed(packages)
    if name not in found:
        raise typer.BadParameter(f"no model {name!r} is installed; there are: {', '.join(found) or 'none'}")
    package = found[name]
    typer.echo(as_json(package.card.model_dump(mode="json", by_alias=True)) if json else card_text(package.card))


def verify(folder: Annotated[Path, typer.Argument(help="Folder of a package.")], json: Json = False) -> None:
    """Check that a package has the content that its card states; exit status 1 if not."""
    try:
        package = load_package(folder)
    except PackageError as why:
        typer.echo(as_json({"verified": False, "code": why.code, **why.parameters}) if json else f"not verified: {why}")
        raise typer.Exit(1) from why
    tell_package(package, json)
